"""Open a corpus, look at a sample of its images, and count how many samples each role gets."""

import itertools
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from dejavu.check import control, doubles, made_elsewhere, rehearsal, roles, sections, vectors
from dejavu.check.clock import Clock
from dejavu.check.findings import Absent, Finding, Untried, fetch_hint, guarded, tried
from dejavu.check.roles import Lane
from dejavu.corpora import build
from dejavu.corpora.roots import external_root
from dejavu.errors import DataError, ParamsError
from dejavu.params.corpora import SamplesTableParams
from dejavu.splits import role_boxes
from dejavu.splits.outcome import coded

LISTING_SECONDS = 40.0  # a longer listing is cut off, and counts are lower bounds
SECONDS = 30.0  # after which a look at images opens no more
GENERATED = 24  # images of a generated corpus take time: so many are made


def look(
    lane: str, values: Mapping[str, Any], data_root: str, *, clock: Clock
) -> tuple[list[Finding], Lane]:
    """Check the corpus and the split of one lane; its sections must fit.

    Args:
        lane: ``image`` or ``caption``.
        values: sections by name.
        data_root: ``machine.data_root``.
        clock: of the check; says when a listing is cut off, and when no more images are opened.
    """
    known = Lane(lane)
    settings = values[f"{lane}.corpus"].root
    if settings.adapter == "none":
        return [Finding(area=lane, what="corpus", status="ok", detail="not used")], known
    seed = values.get("seed", 0)
    corpus = tried(
        lane,
        f"corpus ({settings.adapter})",
        lambda: _open(settings, seed, data_root, known, clock.share(LISTING_SECONDS, part=0.5)),
    )
    findings = [corpus]
    if corpus.status == "ok":
        split = values[f"{lane}.split"]
        if {"limits", "machine"} <= values.keys():
            looks = rehearsal.look(lane, values, known, clock=clock)
            findings += guarded(lane, looks)
        findings.append(tried(lane, "names", lambda: _named_once(known)))
        findings.append(tried(lane, "split", lambda: roles.divide(known, split, seed, data_root)))
        if "limits" in values and known.labels and known.role_of is not None:
            limit = values["limits"].labels_without_bank
            findings.append(tried(lane, "labels", lambda: roles.judge_labels(known, limit)))
        if {"limits", "machine"} <= values.keys():
            findings += guarded(lane, _compared(lane, values, known, clock))
        if lane == "caption" and {"limits", "machine", "caption.objects"} <= values.keys():
            findings.append(tried(lane, "annotations", lambda: _annotated(values, known)))
    if known.roles is not None:
        enough = _enough(lane, values, known.roles, is_complete=known.is_complete)
        findings += guarded(lane, enough)
        findings += guarded(lane, _boxes(values, known))
        findings.append(tried(lane, "interval", lambda: roles.interval(known, _kept(known))))
    return findings, known


def _compared(lane: str, values: Mapping[str, Any], known: Lane, clock: Clock) -> Iterator[Finding]:
    """Compare the samples that were looked at with each other, and with tables made elsewhere."""
    machine = values["machine"]
    yield tried(
        lane, "duplicates", lambda: doubles.look(known, values, machine, clock.share(SECONDS))
    )
    if values[f"{lane}.split"].roles_from is not None:
        yield tried(lane, "boxes by role", lambda: _role_boxes(values, known))
        yield tried(lane, "control", lambda: _control(values, known, clock.share(SECONDS)))
    if lane == "image":
        yield from made_elsewhere.look(values, known, machine.data_folder)
    yield from vectors.look(values, known, machine.data_folder, clock)


def _named_once(known: Lane) -> str:
    build.require_unique_names(pa.chunked_array([[record.name for record in known.listed]]))
    return f"{len(known.listed)} names, each once"


def _role_boxes(values: Mapping[str, Any], known: Lane) -> str:
    if known.role_of is None:
        raise Untried("known once roles are")
    rows = known.usable
    where = f"{known.name}.split, boxes by role among {rows.num_rows} samples looked at"
    roles = coded(known.roles_of(rows["sample_name"]).tolist())
    role_boxes.judge([rows], roles, values["limits"], where=where)
    return "of one unit, as far as boxes tell"


def _open(settings: Any, seed: int, data_root: str, known: Lane, seconds: float) -> str:
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
    known.labels = tuple(corpus.labels)
    started = time.monotonic()
    known.is_generated = corpus.root is None and not isinstance(settings, SamplesTableParams)
    for record in itertools.islice(corpus.records(), GENERATED if known.is_generated else None):
        known.listed.append(record)
        if time.monotonic() - started > seconds:
            break
    else:
        known.is_complete = True
    known.n = settings.n_images if known.is_generated else len(known.listed)
    known.n_boxed = known.n if known.is_generated else sum(bool(r.boxes) for r in known.listed)
    if not known.n:
        raise DataError(f"{root}: the corpus lists no sample.")
    if isinstance(settings, SamplesTableParams):
        return f"{known.n} samples of {len(known.labels)} labels, without images"
    at_least = "" if known.is_complete else "at least "
    labels = f" of {len(known.labels)} labels" if known.labels else ""
    return f"{at_least}{known.n} samples{labels}"


def _control(values: Mapping[str, Any], known: Lane, seconds: float) -> str:
    """Ask whether target and control samples of given roles can be told apart without a model."""
    if known.role_of is None:
        raise Untried("known once roles are")
    root = getattr(values[f"{known.name}.corpus"].root, "root", None)
    return control.look(
        known.name, values, known.listed, known.role_of, root=root, machine=values["machine"],
        seconds=seconds,
    )  # fmt: skip


def _annotated(values: Mapping[str, Any], known: Lane) -> str:
    from dejavu.check import annotations  # only where this lane is used

    return annotations.judge(
        known,
        values["caption.objects"],
        values["limits"],
        values["machine"].data_folder,
    )


def _kept(known: Lane) -> float:
    """Return the share of samples that will be attacked if they have the role: whose crop is kept."""
    if known.crops is None or not known.crops.num_rows:
        return 1.0
    return float(known.crops["is_kept"].to_numpy(zero_copy_only=False).mean())


def _enough(
    lane: str, values: Mapping[str, Any], counts: Mapping[str, float], *, is_complete: bool
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
            if counts[role] < least and is_complete:
                raise ParamsError(
                    f"{what} = {least}, but role {role} gets about {counts[role]:.0f} samples. Lower "
                    f"it, or raise {lane}.split.shares.{role}."
                )
            return f"{least} of about {counts[role]:.0f} {role} samples"

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
