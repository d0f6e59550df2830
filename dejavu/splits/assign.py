"""Give every sample one role, so that what is attacked was never seen by the bank that decodes it.

A sample's role depends on the seed and its name alone (or, among duplicates, on the name that sorts
first), so adding samples moves no other sample between roles.
"""

import collections
import contextlib
import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float, Shaped

from dejavu.corpora.image_reader import ImageReader, NoImagesError
from dejavu.corpora.plausibility import NOTES, RULES
from dejavu.params.corpora import RoleShares, SplitParams
from dejavu.params.limits import LimitsParams
from dejavu.params.machine import data_folder
from dejavu.roles import ROLES, UNUSED
from dejavu.run import seeds
from dejavu.run.progress import say
from dejavu.splits import given_roles, label_bank, pixel_groups, role_boxes
from dejavu.splits.duplicates import exact_groups, joined, near_groups
from dejavu.splits.pixel_groups import Look
from dejavu.tables import parquet
from dejavu.tables.schemas import LABELS, SAMPLES, SPLITS

_COLUMNS = [
    "sample_id", "sample_name", "uri", "label_id", "caption", "boxes", "content_hash",
    "perceptual_hash", "problem",
]  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SplitSettings:
    """How a lane is divided."""

    split: SplitParams  # section ``<lane>.split``
    seed: int  # of the draws
    data_root: str  # of the corpora; files of given roles are relative to the folder it means
    limits: LimitsParams  # section ``limits``
    workers: int = 1  # threads that open images


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SplitInputs:
    """The tables of a lane that are divided, and its images."""

    samples: Path
    labels: Path
    images: Path  # folder that stage ``corpus`` wrote


def build(*, settings: SplitSettings, inputs: SplitInputs, out: Path) -> None:
    """Write the splits table of a lane.

    Args:
        settings: shares, caps, and whether roles are given.
        inputs: the samples, their labels and images; few images are opened, see `pixel_groups`.
        out: the splits table to write.

    Raises:
        DataError: given roles do not fit the samples, attacked samples have labels that the bank lacks, or
            boxes of a given role are in another unit.
    """
    rows = SAMPLES.read(inputs.samples, columns=[*_COLUMNS, "width_px", "height_px"])
    given, origin = _given(rows, settings)
    with contextlib.ExitStack() as opened:
        look = _looker(rows, settings, inputs.images, opened)
        split = assign(rows, settings.split, seed=settings.seed, given=given, look=look)
    notes = _judge_labels(rows, split, LABELS.read(inputs.labels)["label"], settings)
    if given is not None:
        roles = np.array(split["role"].to_pylist(), dtype=object)
        notes |= role_boxes.judge(rows, roles, settings.limits, where="split, boxes by role")
    made_from = {"samples": parquet.fingerprint(inputs.samples), **origin}
    SPLITS.write(split, out, inputs=made_from, notes={NOTES: notes})
    _tell(rows, split)


def _given(
    rows: pa.Table, settings: SplitSettings
) -> tuple[Shaped[np.ndarray, " n"] | None, dict[str, str]]:
    """Return the roles that were given, and the fingerprint of their file; None: they are drawn."""
    roles_from = settings.split.roles_from
    if roles_from is None or not rows.num_rows:
        return None, {}
    return given_roles.read(roles_from, rows, data_folder(settings.data_root))


def _tell(rows: pa.Table, split: pa.Table) -> None:
    counts = sorted(collections.Counter(split["role"].to_pylist()).items())
    n_groups = len(pc.unique(split["group_id"]))
    say(
        f"split: {', '.join(f'{n} {role}' for role, n in counts)}; "
        f"{split.num_rows - n_groups} samples duplicate another"
    )
    _tell_leaks(split)
    n_unhashed = pc.sum(pc.and_(rows["content_hash"].is_null(), rows["problem"].is_null())).as_py()
    if n_unhashed:
        say(f"split: {n_unhashed} samples have no hash: duplicates of them were not looked for")


def _judge_labels(
    rows: pa.Table, split: pa.Table, names: pa.ChunkedArray, settings: SplitSettings
) -> dict[str, str]:
    labels = rows["label_id"].fill_null(-1).to_numpy()
    n, n_attacked, notes = label_bank.judge(
        np.array(split["role"].to_pylist(), dtype=object), labels, settings.limits.labels_without_bank,
        lambda place: f"{rows['sample_name'][place]} ({names[int(labels[place])]})",
    )  # fmt: skip
    if n:
        say(f"split: {n} of {n_attacked} {RULES[label_bank.LIMIT].what}")
    return notes


def assign(
    rows: pa.Table,
    settings: SplitParams,
    *,
    seed: int,
    given: Shaped[np.ndarray, " n"] | None = None,
    look: Look | None = None,
) -> pa.Table:
    """Return the splits table of samples.

    1. Unusable samples get no role (reason ``unusable: <problem>``).
    2. Of samples with the same caption, the one whose name sorts first stays
       (``duplicate_caption: <sample_id of the one that stays>``).
    3. Identical files and images whose perceptual hashes are close form one group (where many are
       close, their pixels must agree, see `pixel_groups`); the group's
       role is drawn for the name that sorts first (``remaining_share`` where the shares end).
       With ``without_box: public``, a group whose first name has no box is never attacked.
    4. Given roles replace drawn ones, as `given_roles.settle` says. They may tear duplicates apart;
       samples with a duplicate in another role keep theirs, with the reason ``also_in: <roles>``.
    5. Above ``max_per_label`` samples of one label in one role, the rest are ``over_cap``.

    Args:
        rows: columns sample_id, sample_name, label_id, caption, boxes, content_hash,
            perceptual_hash, problem of the samples table.
        settings: shares, caps and how close near duplicates are.
        seed: of the draws.
        given: the roles that ``roles_from`` gives, None for each sample of which it says nothing.
        look: opens images by place; None: there are none, and hashes decide alone.

    Returns:
        Columns of the splits table, in the order of `rows`.
    """
    ids = rows["sample_id"].to_numpy()
    names = rows["sample_name"].to_pylist()
    alphabetical = pc.sort_indices(rows["sample_name"]).to_numpy()
    groups = duplicate_groups(rows, settings.near_duplicate_bits, look)
    draws = seeds.uniforms(seed, "split.roles", names)
    leaders = _first_of_group(groups, alphabetical)
    roles, reasons = _draw_roles(draws[leaders], settings.shares)
    if settings.without_box is not None:
        n_boxes = pc.list_value_length(rows["boxes"]).to_numpy()[leaders]
        roles[(n_boxes == 0) & (roles != UNUSED)] = settings.without_box
    if settings.roles_from is not None and given is not None:
        given_roles.settle(settings.roles_from, given, groups, roles, reasons)
    _mark_duplicate_captions(rows, alphabetical, roles, reasons)
    unusable = rows["problem"].is_valid().to_numpy()
    roles[unusable] = UNUSED
    reasons[unusable] = [
        f"unusable: {problem}" for problem in rows["problem"].drop_null().to_pylist()
    ]
    _mark_over_cap(rows, settings, draws, roles, reasons)
    if given is not None:
        given_roles.mark_leaks(groups, roles, reasons)
    smallest = _first_of_group(groups, np.argsort(ids, kind="stable"))
    return pa.table(
        {
            "sample_id": ids,
            "role": roles.tolist(),
            "group_id": ids[smallest],
            "reason": reasons.tolist(),
        },
        schema=SPLITS.schema,
    )


def _tell_leaks(split: pa.Table) -> None:
    leaking = split.filter(pc.starts_with(split["reason"], "also_in: "))
    if leaking.num_rows:
        pairs = zip(leaking["role"].to_pylist(), leaking["reason"].to_pylist(), strict=True)
        counts = collections.Counter(f"{role} {reason}" for role, reason in pairs)
        listed = "; ".join(f"{n} {what}" for what, n in sorted(counts.items()))
        say(f"split: duplicates lie in several of the given roles: {listed}")


def _looker(
    rows: pa.Table, settings: SplitSettings, images: Path, opened: contextlib.ExitStack
) -> Look | None:
    """Return what opens the images of `rows`, closed with `opened`; None where there are none."""
    if not rows.num_rows or settings.split.near_duplicate_bits is None:
        return None
    try:
        reader = opened.enter_context(ImageReader.open(images, settings.data_root))
    except NoImagesError:
        return None
    return pixel_groups.looker(reader, rows["uri"].to_pylist(), workers=settings.workers)


def duplicate_groups(
    rows: pa.Table, near_duplicate_bits: int | None, look: Look | None
) -> np.ndarray:
    """Return one number per row; identical and nearly identical images share it.

    Args:
        rows: content_hash and perceptual_hash of table ``samples``.
        near_duplicate_bits: in which perceptual hashes may differ; None compares only content.
        look: opens images by place, to confirm large groups; None: hashes decide alone.
    """
    groups = exact_groups(rows["content_hash"])
    if near_duplicate_bits is None:
        return groups
    known = np.flatnonzero(rows["perceptual_hash"].is_valid().to_numpy())
    hashes = rows["perceptual_hash"].drop_null().to_numpy()
    near = np.arange(rows.num_rows)
    close = near_groups(hashes, max_bits=near_duplicate_bits)
    near[known] = rows.num_rows + close
    if look is not None:
        torn = pixel_groups.confirmed(near, groups, look)
        before, after = (_n_shared(each) for each in (near, torn))
        if before != after:
            say(
                f"split: of {before} samples whose perceptual hash is close to another's, {after} have "
                "pixels like it"
            )
        near = torn
    return joined(groups, near)


def _n_shared(groups: np.ndarray) -> int:
    """Return how many samples share their group with another."""
    counts = np.unique(groups, return_counts=True)[1]
    return int(counts[counts > 1].sum())


def _first_of_group(groups: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return, per sample, the place of its group's member that comes first in `order`."""
    _, first, place = np.unique(groups[order], return_index=True, return_inverse=True)
    leaders = np.empty(len(groups), dtype=np.int64)
    leaders[order] = order[first[place]]
    return leaders


def _draw_roles(
    draws: Float[np.ndarray, " n"], shares: RoleShares
) -> tuple[np.ndarray, np.ndarray]:
    """Return roles and reasons (None for a used sample): [0, 1) is cut at the summed shares."""
    ends = np.cumsum([getattr(shares, role) for role in ROLES])
    ends[ends > 1 - 1e-9] = 1.0  # shares that add up to one but for rounding leave no gap
    drawn = np.searchsorted(ends, draws, side="right")
    roles = np.array([*ROLES, UNUSED], dtype=object)[drawn]
    reasons = np.array([*[None] * len(ROLES), "remaining_share"], dtype=object)[drawn]
    return roles, reasons


def _mark_duplicate_captions(
    rows: pa.Table, alphabetical: np.ndarray, roles: np.ndarray, reasons: np.ndarray
) -> None:
    """Let only the sample whose name sorts first keep its role among usable ones with its caption."""
    is_caption = pc.and_(rows["caption"].is_valid(), rows["problem"].is_null()).to_numpy()
    captioned = alphabetical[is_caption[alphabetical]]
    # Arrow's `string` holds 2 GiB of text at most, however many chunks a column has
    text = rows["caption"].cast(pa.large_string())
    captions = pc.utf8_trim_whitespace(text).take(captioned)
    firsts = captioned[_first_of_group(exact_groups(captions), np.arange(len(captioned)))]
    repeats = firsts != captioned
    roles[captioned[repeats]] = UNUSED
    ids = rows["sample_id"].to_numpy()[firsts[repeats]]
    reasons[captioned[repeats]] = [f"duplicate_caption: {kept}" for kept in ids.tolist()]


def _mark_over_cap(
    rows: pa.Table, settings: SplitParams, draws: np.ndarray, roles: np.ndarray, reasons: np.ndarray
) -> None:
    """Keep, per role and label, the samples with the smallest draws of their own."""
    if settings.max_per_label is None:
        return
    labels = rows["label_id"].fill_null(-1).to_numpy()
    for role in ROLES:
        cap = settings.max_per_label
        limit = cap if isinstance(cap, int) else getattr(cap, role)
        if limit is None:
            continue
        members = np.flatnonzero(roles == role)
        ordered = members[np.lexsort((draws[members], labels[members]))]
        _, starts, sizes = np.unique(labels[ordered], return_index=True, return_counts=True)
        rank = np.arange(len(ordered)) - np.repeat(starts, sizes)
        roles[ordered[rank >= limit]], reasons[ordered[rank >= limit]] = UNUSED, "over_cap"
