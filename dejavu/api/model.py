"""Audit a model on data sets, in process: the pipeline's stages on the pipeline's tables, without DVC."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dejavu.api.result import Audit
from dejavu.errors import DataError, ParamsError
from dejavu.roles import CONTROL, PUBLIC, REFERENCE, TARGET

if TYPE_CHECKING:  # torch is imported once an audit runs
    from dejavu.api.settings import Asked
    from dejavu.api.stages import Project
    from dejavu.api.vectors import Subject


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
    from dejavu.api import settings
    from dejavu.api.stages import Project
    from dejavu.api.vectors import DEFAULT_BATCH, Subject

    given = {TARGET: target, CONTROL: control, PUBLIC: public, REFERENCE: reference}
    data = _present(given)
    made = settings.references_of(references, has_reference=reference is not None)
    if (batch_size is not None and batch_size < 1) or (limit is not None and limit < 1):
        raise ParamsError(f"batch_size and limit are at least 1, found {batch_size} and {limit}.")
    folder, scratch = _folder(out)
    subject = Subject(
        model=model, transform=transform, layers=None if layers is None else tuple(layers),
        batch_size=batch_size or DEFAULT_BATCH, device=device,
    )  # fmt: skip
    asked = settings.Asked(
        folder=folder, roles=tuple(data), references=made, k=k, seed=seed, device=device
    )
    return _run(Project(folder=folder), subject, data, asked, limit=limit, scratch=scratch)


def _present(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data sets that were given; only the reference may be left out."""
    data = {role: found for role, found in given.items() if found is not None}
    if missing := [role for role in (TARGET, CONTROL, PUBLIC) if role not in data]:
        raise DataError(f"{missing[0]}: is None, expected a data set.")
    return data


def _folder(out: Path | str | None) -> tuple[Path, Any]:
    """Return the folder of an audit, made and empty, and what deletes it if it is a temporary one."""
    if out is None:
        scratch = tempfile.TemporaryDirectory(prefix="dejavu-audit-")
        return Path(scratch.name).resolve(), scratch
    folder = Path(out).resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"out: {folder} is not empty. Nothing was written; name a new folder.")
    folder.mkdir(parents=True, exist_ok=True)
    return folder, None


def _run(
    project: "Project",
    subject: "Subject",
    data: Mapping[str, Any],
    asked: "Asked",
    *,
    limit: int | None,
    scratch: Any,
) -> Audit:
    """List, embed and attack: parameters are written twice, as the model's layers show when it runs."""
    from dejavu.api import answer, datasets, settings

    with project.at_work():
        has_boxes = datasets.write(data, project.folder / "corpus", limit=limit, seed=asked.seed)
        settings.write(project.params, asked, layers=["output"], has_boxes=has_boxes)
        project.list_and_crop()
        names = subject.write(project.image, project.image / "images", project.folder / "vectors")
        settings.write(project.params, asked, layers=names, has_boxes=has_boxes)
        project.vote(has_references=bool(asked.references))
        return answer.of(
            project, settings.MODEL, with_report=bool(asked.references), scratch=scratch
        )
