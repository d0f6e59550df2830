"""Audit a model on data sets, in process: the pipeline's stages on the pipeline's tables, without DVC."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dejavu.api.result import Audit
from dejavu.errors import DataError
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
    tokenizer: Callable[[list[str]], Any] | None = None,
    lane: str = "image",
    layers: Sequence[str] | None = None,
    references: Sequence[str] | None = None,
    k: int | None = None,
    limit: int | None = None,
    batch_size: int | None = None,
    min_crop_px: int | None = None,
    device: str = "auto",
    seed: int = 0,
    out: Path | str | None = None,
) -> Audit:
    """Tell whether a model memorized the data set it was trained on (paper, sections 3.2 and 3.3).

    ``lane="image"``: can the label of the hidden object be read from the embedding of a background crop?
    Data sets are map-style (torch, torchvision, Hugging Face `datasets`, lists) and give ``(image, label)``,
    ``(image, label, box)``, a dict of these, or paths whose folder is the label. An image is a path, a PIL
    image, or 8-bit pixels; a box is x0, y0, x1, y1 of the labelled object, in pixels, x1 and y1 excluded. The
    model sees the largest part of each target and control image that no box touches; without boxes the
    lower left corner, which holds the object now and then.

    ``lane="caption"``: can the objects of the image be read from its caption? Data sets give
    ``(image, caption, objects)`` or dicts of these; objects are names. The reference is a text model of the
    installation; the excess is that of the mean recall, the share of objects found.

    Args:
        model: an ``nn.Module``, or a callable from a batch to vectors (n, d), or to a dict of such by layer;
            captions: anything with ``encode_image`` and ``encode_text``, as models of OpenCLIP.
        target: what the model was trained on, or a part of it.
        control: images like them that no model was trained on. Hold them to the same standard.
        public: labelled images that decode the vectors, best trained on by no model.
        reference: images that train the one-model references; None: labels alone adjust the excess.
        transform: from an RGB PIL image to the model's tensor. A callable without one gets a list of images.
        tokenizer: captions only: from texts to what ``encode_text`` takes; only an ``nn.Module`` needs one.
        lane: what is attacked: crops of images, or captions.
        layers: images only: outputs or modules of the model by name; the first leads. None: its output.
        references: ``classifier``, ``naive_bayes``; None: both, where `reference` is given.
        k: public images that vote, or public samples whose objects count; None: 100 images, 10 captions.
        limit: most samples of each data set, drawn at random; None: all.
        batch_size: images that the model sees at once; None: 64.
        min_crop_px: images only: a crop's shorter side exceeds it; None: 14, less in images below 64 pixels.
        device: where it runs: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        seed: of every draw.
        out: folder for tables, copies of images and intermediate files; None: one that goes with the audit.

    Raises:
        DataError: a data set is empty or not of a known form, or too few samples are left.
        ParamsError: a layer or reference is unknown, or `k` exceeds the public images.
        WeightsError: the model gives no finite vector per image or text.
    """
    from dejavu.api import captions, settings
    from dejavu.api.pair_vectors import PairSubject
    from dejavu.api.stages import Project
    from dejavu.api.vectors import Subject

    data = _present({TARGET: target, CONTROL: control, PUBLIC: public, REFERENCE: reference})
    settings.require_fitting(
        lane, tokenizer=tokenizer, layers=layers, reference=reference, min_crop_px=min_crop_px
    )
    made = settings.references_of(references, lane, has_reference=reference is not None)
    size = settings.batch_size(batch_size, limit)
    seen = {"model": model, "transform": transform, "batch_size": size, "device": device}
    folder, scratch = _folder(out)
    asked = settings.Asked(
        folder=folder, roles=tuple(data), references=made, seed=seed, device=device,
        k=settings.K[lane] if k is None else k, min_crop_px=min_crop_px,
    )  # fmt: skip
    project, rest = Project(folder=folder, lane=lane), {"limit": limit, "scratch": scratch}
    if lane == "caption":
        return captions.run(project, PairSubject(tokenizer=tokenizer, **seen), data, asked, **rest)
    subject = Subject(layers=None if layers is None else tuple(layers), **seen)
    return _run(project, subject, data, asked, **rest)


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
        given = datasets.write(data, project.folder / "corpus", limit=limit, seed=asked.seed)
        settings.write(project.params, asked, given, layers=["output"])
        project.list_and_crop()
        names = subject.write(project.image, project.image / "images", project.folder / "vectors")
        settings.write(project.params, asked, given, layers=names)
        project.vote(has_references=bool(asked.references))
        return answer.of(
            project, settings.MODEL, with_report=bool(asked.references), scratch=scratch
        )
