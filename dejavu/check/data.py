"""Open a corpus, look at a sample of its images, and count how many samples each role will get."""

import dataclasses
import itertools
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from dejavu.check import control, rehearsal, sections
from dejavu.check.findings import Absent, Finding, Untried, fetch_hint, tried
from dejavu.corpora import build
from dejavu.corpora.image_reader import external_root
from dejavu.corpora.plausibility import RULES
from dejavu.corpora.records import Record
from dejavu.errors import DataError, ParamsError
from dejavu.params.corpora import SamplesTableParams
from dejavu.params.roles import FolderRoles
from dejavu.roles import ATTACKED, PUBLIC, REFERENCE, ROLES
from dejavu.splits import given_roles
from dejavu.tables.schemas import SAMPLES

LISTING_SECONDS = 20.0  # a longer listing is cut off, and counts are lower bounds


@dataclasses.dataclass(slots=True)
class Lane:
    """What is known of one lane's samples."""

    name: str
    n: int = 0
    n_boxed: int = 0
    is_complete: bool = False  # False: there are at least `n`
    is_generated: bool = False  # all images are alike: one was made
    n_labels: int = 0
    roles: Mapping[str, float] | None = None  # expected number of samples per role


def look(
    lane: str, values: Mapping[str, Any], data_root: str, *, seconds: float = LISTING_SECONDS
) -> tuple[list[Finding], Lane]:
    """Check the corpus and the split of one lane; its sections must fit.

    Args:
        lane: ``image`` or ``caption``.
        values: sections by name.
        data_root: ``machine.data_root``.
        seconds: after which a listing is cut off.
    """
    known = Lane(lane)
    settings = values[f"{lane}.corpus"].root
    if settings.adapter == "none":
        return [Finding(area=lane, what="corpus", status="ok", detail="not used")], known
    listed: list[Record] = []
    corpus = tried(
        lane, f"corpus ({settings.adapter})",
        lambda: _open(settings, values.get("seed", 0), data_root, known, listed, seconds),
    )  # fmt: skip
    findings = [corpus]
    if corpus.status == "ok":
        if {"limits", "machine"} <= values.keys():
            root = getattr(settings, "root", None)
            findings += rehearsal.look(lane, values, listed, root=root, machine=values["machine"])
        split = values[f"{lane}.split"]
        findings.append(tried(lane, "split", lambda: _divide(split, known, listed, data_root)))
        if lane == "image" and split.roles_from is not None and "limits" in values:
            limit = values["limits"].labels_without_bank
            findings.append(
                tried(lane, "labels", lambda: _labels(split, known, listed, data_root, limit))
            )
        if split.roles_from is not None and {"limits", "machine"} <= values.keys():
            findings.append(
                tried(lane, "control", lambda: _control(values, known, listed, data_root))
            )
    if known.roles is not None:
        findings += _enough(lane, values, known.roles, is_complete=known.is_complete)
        findings += _boxes(values, known)
    return findings, known


def _open(
    settings: Any, seed: int, data_root: str, known: Lane, listed: list[Record], seconds: float
) -> str:
    root = getattr(settings, "root", None)
    if isinstance(settings, SamplesTableParams):
        path = external_root(data_root, settings.path)
        if not path.is_file():
            raise Absent(f"{path}: not there. Put the table of samples there.")
    if root is not None and not external_root(data_root, root).exists():
        raise Absent(
            f"{external_root(data_root, root)}: no such folder. Put the data there, or set "
            f"machine.data_root or the variable DEJAVU_DATA_ROOT.{fetch_hint(root)}"
        )
    corpus = build.adapter(settings.adapter)(settings, seed, data_root)
    known.n_labels = len(corpus.labels)
    started = time.monotonic()
    known.is_generated = corpus.root is None and not isinstance(settings, SamplesTableParams)
    limit = 1 if known.is_generated else None  # images of a generated corpus take time
    for record in itertools.islice(corpus.records(), limit):
        listed.append(record)
        if time.monotonic() - started > seconds:
            break
    else:
        known.is_complete = True
    known.n = settings.n_images if known.is_generated else len(listed)
    known.n_boxed = known.n if known.is_generated else sum(bool(r.boxes) for r in listed)
    if not known.n:
        raise DataError(f"{root}: the corpus lists no sample.")
    if isinstance(settings, SamplesTableParams):
        return f"{known.n} samples of {known.n_labels} labels, without images"
    at_least = "" if known.is_complete else "at least "
    labels = f" of {known.n_labels} labels" if known.n_labels else ""
    return f"{at_least}{known.n} samples{labels}"


def _divide(split: Any, known: Lane, listed: list[Record], data_root: str) -> str:
    """Expect how many samples each role gets, before unusable ones and duplicates."""
    given = _given(split.roles_from, known, listed, data_root)
    is_drawn = np.array([role is None for role in given])
    if split.roles_from is not None and not isinstance(split.roles_from, FolderRoles):
        is_drawn[:] = False
    has_box = np.array([bool(record.boxes) for record in listed]) | known.is_generated
    scale = known.n / len(listed)  # of a generated corpus only the first image is listed
    counts = {role: scale * int((given == role).sum()) for role in ROLES}
    for boxed in (True, False):
        n = scale * int((is_drawn & (has_box == boxed)).sum())
        for role in ROLES:
            is_moved = not boxed and split.without_box is not None
            counts[split.without_box if is_moved else role] += n * getattr(split.shares, role)
    caps = split.max_per_label
    for role in ROLES if caps is not None else ():
        cap = caps if isinstance(caps, int) else getattr(caps, role)
        counts[role] = min(counts[role], float((cap or known.n) * max(1, known.n_labels)))
    known.roles = counts
    if counts["target"] < 1:
        raise ParamsError("split: no sample gets the role target, so nothing is attacked.")
    text = ", ".join(f"{count:.0f} {role}" for role, count in counts.items())
    return f"about {text}" + ("" if counts["control"] >= 1 else ": no control, uncalibrated")


def _given(settings: Any, known: Lane, listed: list[Record], data_root: str) -> np.ndarray:
    if settings is None:
        return np.full(len(listed), None, dtype=object)
    if not known.is_complete:
        raise Untried("roles_from: the listing takes too long to compare it with here")
    return given_roles.read(settings, _table(listed), external_root(data_root, ""))[0]


def _labels(split: Any, known: Lane, listed: list[Record], data_root: str, limit: float) -> str:
    """Look for labels of attacked samples that no public, or no reference, sample has."""
    given = _given(split.roles_from, known, listed, data_root)
    is_drawn = np.array([role is None for role in given], dtype=bool)
    if not isinstance(split.roles_from, FolderRoles):
        is_drawn[:] = False  # what a table does not list is unused
    labels = np.array([-1 if r.label_id is None else r.label_id for r in listed], dtype=np.int64)
    is_attacked = np.isin(given, ATTACKED)
    lacking = np.zeros(len(listed), dtype=bool)
    for role in (PUBLIC, REFERENCE):
        lacking |= is_attacked & ~np.isin(labels, labels[is_drawn | (given == role)])
    n, n_attacked = int(lacking.sum()), int(is_attacked.sum())
    rule = RULES["labels_without_bank"]
    if n > limit * n_attacked:
        first = ", ".join(listed[place].name for place in np.flatnonzero(lacking)[:5])
        raise DataError(
            f"{n} of {n_attacked} {rule.what}, expected at most limits.labels_without_bank = {limit:.1%}; "
            f"the first: {first}. {rule.advice}"
        )
    return (
        f"{n} of {n_attacked} samples with a given attacked role have a label that the bank lacks"
    )


def _control(values: Mapping[str, Any], known: Lane, listed: list[Record], data_root: str) -> str:
    """Ask whether target and control samples of given roles can be told apart without a model."""
    split = values[f"{known.name}.split"]
    settings = values[f"{known.name}.corpus"].root
    return control.look(
        known.name, values, listed, _given(split.roles_from, known, listed, data_root),
        root=getattr(settings, "root", None), machine=values["machine"],
    )  # fmt: skip


def _table(listed: list[Record]) -> pa.Table:
    schema = pa.schema([SAMPLES.schema.field(name) for name in ("sample_name", "uri", "boxes")])
    boxes = [[dict.fromkeys(("x0", "y0", "x1", "y1"), 0)] * len(r.boxes) for r in listed]
    columns = [[r.name for r in listed], [r.uri or "" for r in listed], boxes]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _enough(
    lane: str, values: Mapping[str, Any], roles: Mapping[str, float], *, is_complete: bool
) -> Iterator[Finding]:
    """Compare the roles with what is taken from them: neighbors and batches."""
    needs = {}
    if lane == "image" and "image.neighbors" in values:
        needs["image.neighbors.k"] = ("public", values["image.neighbors"].k)
    if lane == "caption" and "caption.retrieve" in values:
        needs["caption.retrieve.k"] = ("public", values["caption.retrieve"].k)
    for name, model in values.get(f"{lane}.models", {}).items():
        recipe = sections.recipe(values, lane, model)
        if model.source == "trained" and hasattr(recipe, "batch_size"):
            what = f"recipes.{model.recipe}.batch_size for {name}"
            needs[what] = (model.trained_on, recipe.batch_size)
    for what, (role, least) in needs.items():

        def compare(what: str = what, role: str = role, least: int = least) -> str:
            if roles[role] < least and is_complete:
                raise ParamsError(
                    f"{what} = {least}, but role {role} gets about {roles[role]:.0f} samples. Lower "
                    f"it, or raise {lane}.split.shares.{role}."
                )
            return f"{least} of about {roles[role]:.0f} {role} samples"

        yield tried(lane, what, compare)


def _boxes(values: Mapping[str, Any], known: Lane) -> Iterator[Finding]:
    crop = values.get("image.crop")
    if known.name != "image" or crop is None:
        return

    def compare() -> str:
        if crop.rule != "corner" and not known.n_boxed:
            raise ParamsError(
                f"image.crop.rule {crop.rule!r} needs boxes, and no sample has any. Give the corpus "
                "its boxes, or set rule: corner."
            )
        return f"{known.n_boxed} of {known.n} samples have boxes"

    yield tried("image", "crop", compare)
