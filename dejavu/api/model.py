"""Audit a model on data sets, in process: the pipeline's stages on the pipeline's tables, without DVC."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dejavu.api.result import Audit
from dejavu.errors import DataError, ParamsError
from dejavu.roles import CONTROL, PUBLIC, REFERENCE, TARGET


def audit(
    model: Any,
    *,
    target: Any,
    control: Any,
    public: Any,
    reference: Any = None,
    transform: Callable[[Any], Any] | None = None,
    layers: Sequence[str] | None = None,
    references: Sequence[str] | None = None,
    k: int = 100,
    limit: int | None = None,
    batch_size: int | None = None,
    device: str = "auto",
    seed: int = 0,
    out: Path | str | None = None,
) -> Audit:
    """Tell whether an image encoder memorized the data set it was trained on (paper, section 3.2).

    Data sets are map-style (torch, torchvision, Hugging Face `datasets`, lists) and give ``(image, label)``,
    ``(image, label, box)``, a dict of these, or paths whose folder is the label. An image is a path, a PIL
    image, or 8-bit pixels; a box is x0, y0, x1, y1 of the labelled object, in pixels, x1 and y1 excluded. The
    model sees the largest part of each target and control image that no box touches; without boxes the
    lower left corner, which holds the object now and then.

    Args:
        model: an ``nn.Module``, or a callable from a batch to vectors (n, d), or to a dict of such by layer.
        target: what the model was trained on, or a part of it.
        control: images like them that no model was trained on. Hold them to the same standard.
        public: labelled images that decode the vectors, best trained on by no model.
        reference: images that train the one-model references; None: labels alone adjust the excess.
        transform: from an RGB PIL image to the tensor that the model takes. A callable without one is
            called with a list of PIL images.
        layers: outputs of the model by name, or names of its modules; the first leads. None: its output.
        references: of ``classifier`` and ``naive_bayes``; None: both, where `reference` is given.
        k: public images that vote.
        limit: most samples of each data set, drawn at random; None: all.
        batch_size: images that the model sees at once; None: 64.
        device: where it runs: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        seed: of every draw.
        out: folder for tables, copies of the images and intermediate files; None: a temporary one, gone
            with the audit.

    Raises:
        DataError: a data set is empty or not of a known form, or too few samples are left.
        ParamsError: a layer or reference is unknown, or `k` exceeds the public images.
        WeightsError: the model gives no finite vector per image.
    """
    from dejavu.api import answer, datasets, settings
    from dejavu.api.stages import Project
    from dejavu.api.vectors import DEFAULT_BATCH, Subject

    given = {TARGET: target, CONTROL: control, PUBLIC: public, REFERENCE: reference}
    data = {role: found for role, found in given.items() if found is not None}
    if missing := [role for role in (TARGET, CONTROL, PUBLIC) if role not in data]:
        raise DataError(f"{missing[0]}: is None, expected a data set.")
    made = settings.references_of(references, has_reference=reference is not None)
    if (batch_size is not None and batch_size < 1) or (limit is not None and limit < 1):
        raise ParamsError(f"batch_size and limit are at least 1, found {batch_size} and {limit}.")
    project, scratch = Project(folder=_folder(out)), None
    if out is None:
        scratch = tempfile.TemporaryDirectory(prefix="dejavu-audit-")
        project = Project(folder=Path(scratch.name).resolve())
    subject = Subject(
        model=model, transform=transform, layers=None if layers is None else tuple(layers),
        batch_size=batch_size or DEFAULT_BATCH, device=device,
    )  # fmt: skip
    with project.at_work():
        has_boxes = datasets.write(data, project.folder / "corpus", limit=limit, seed=seed)
        asked = settings.Asked(
            folder=project.folder, roles=tuple(data), references=made, has_boxes=has_boxes, k=k,
            seed=seed, device=device,
        )  # fmt: skip
        settings.write(project.params, asked, layers=["output"])
        project.list_and_crop()
        names = subject.write(project.image, project.image / "images", project.folder / "vectors")
        settings.write(project.params, asked, layers=names)
        project.vote(has_references=bool(made))
        return answer.of(project, settings.MODEL, with_report=bool(made), scratch=scratch)


def _folder(out: Path | str | None) -> Path:
    """Return the folder of an audit, made and empty."""
    folder = Path(out or ".").resolve()
    if out is not None:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise DataError(f"out: {folder} is not empty. Nothing was written; name a new folder.")
        folder.mkdir(parents=True, exist_ok=True)
    return folder
