"""Give every sample one role, so that what is attacked was never seen by the bank that decodes it.

A sample's role depends on the seed and its name alone (or, among duplicates, on the name that sorts
first), so adding samples moves no other sample between roles.
"""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool, Float, Int, Int64

from dejavu.corpora.image_reader import ImageReader, NoImagesError
from dejavu.corpora.plausibility import NOTES, RULES
from dejavu.params.corpora import RoleShares, SplitParams
from dejavu.params.limits import LimitsParams
from dejavu.params.machine import data_folder
from dejavu.roles import ROLES
from dejavu.run import seeds
from dejavu.run.progress import say
from dejavu.splits import given_roles, groups, label_bank, pixel_groups, role_boxes
from dejavu.splits.digests import equal_groups
from dejavu.splits.listing import Listing
from dejavu.splits.outcome import CODED, NO_ROLE, Codes, Outcome, Reasons
from dejavu.splits.pixel_groups import Look, LookAt
from dejavu.tables import parquet
from dejavu.tables.schemas import LABELS, SPLITS


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

    Of the samples only numbers stay in memory, less than 100 bytes of each at once.

    Args:
        settings: shares, caps, and whether roles are given.
        inputs: the samples, their labels and images; few images are opened, see `pixel_groups`.
        out: the splits table to write.

    Raises:
        DataError: given roles do not fit the samples, attacked samples have labels that the bank lacks, or
            boxes of a given role are in another unit.
    """
    listing = Listing.of_file(inputs.samples)
    given, origin = _given(listing, settings)
    with contextlib.ExitStack() as opened:
        look_at = _look_at(listing, settings, inputs.images, opened)
        split = divide(listing, settings.split, seed=settings.seed, given=given, look_at=look_at)
    notes = _judge_labels(listing, split, LABELS.read(inputs.labels)["label"], settings)
    if given is not None:
        parts = listing.parts(role_boxes.COLUMNS)
        notes |= role_boxes.judge(parts, split.roles, settings.limits, where="split, boxes by role")
    made_from = {"samples": parquet.fingerprint(inputs.samples), **origin}
    if split.is_ordered():
        SPLITS.write_stream(split.parts(), out, inputs=made_from, notes={NOTES: notes})
    else:
        SPLITS.write(split.table(), out, inputs=made_from, notes={NOTES: notes})
    _tell(split)


def _given(listing: Listing, settings: SplitSettings) -> tuple[Codes | None, dict[str, str]]:
    """Return the roles that were given, and the fingerprint of their file; None: they are drawn."""
    roles_from = settings.split.roles_from
    if roles_from is None or not len(listing):
        return None, {}
    return given_roles.read(roles_from, listing, data_folder(settings.data_root))


def _look_at(
    listing: Listing, settings: SplitSettings, images: Path, opened: contextlib.ExitStack
) -> LookAt | None:
    """Return what opens the images of a lane, closed with `opened`; None where there are none."""
    if not len(listing) or settings.split.near_duplicate_bits is None:
        return None
    try:
        reader = opened.enter_context(ImageReader.open(images, settings.data_root))
    except NoImagesError:
        return None

    def look_at(places: Int64[np.ndarray, " n"]) -> Look:
        uris = listing.take("uri", places)
        return pixel_groups.looker(reader, uris, places, workers=settings.workers)

    return look_at


def _judge_labels(
    listing: Listing, split: Outcome, names: pa.ChunkedArray, settings: SplitSettings
) -> dict[str, str]:
    labels = listing.labels()
    n, n_attacked, notes = label_bank.judge(
        split.roles, labels, settings.limits.labels_without_bank,
        lambda place: f"{listing.text('sample_name', place)} ({names[int(labels[place])]})",
    )  # fmt: skip
    if n:
        say(f"split: {n} of {n_attacked} {RULES[label_bank.LIMIT].what}")
    return notes


def _tell(split: Outcome) -> None:
    n_of_role = np.bincount(split.roles, minlength=len(CODED)).tolist()
    counts = sorted((role, n) for role, n in zip(CODED, n_of_role, strict=True) if n)
    n_repeats = int((split.groups != np.arange(len(split.groups), dtype=split.groups.dtype)).sum())
    say(
        f"split: {', '.join(f'{n} {role}' for role, n in counts)}; {n_repeats} samples duplicate another"
    )
    _tell_leaks(split)
    if split.n_unhashed:
        say(
            f"split: {split.n_unhashed} samples have no hash: duplicates of them were not looked for"
        )


def _tell_leaks(split: Outcome) -> None:
    counts = {
        f"{role} {text}": int(((split.roles == code) & (split.reasons.codes == reason)).sum())
        for reason, text in split.reasons.starting("also_in: ").items()
        for code, role in enumerate(CODED)
    }
    listed = "; ".join(f"{n} {what}" for what, n in sorted(counts.items()) if n)
    if listed:
        say(f"split: duplicates lie in several of the given roles: {listed}")


def assign(
    rows: pa.Table, settings: SplitParams, *, seed: int, given: Codes | None = None
) -> pa.Table:
    """Return the splits table of samples that are in memory, in their order; see `divide`."""
    return divide(Listing.of_table(rows), settings, seed=seed, given=given).table()


def divide(
    listing: Listing,
    settings: SplitParams,
    *,
    seed: int,
    given: Codes | None = None,
    look_at: LookAt | None = None,
) -> Outcome:
    """Return role, group and reason of each sample.

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
        listing: columns sample_id, sample_name, label_id, caption, boxes, content_hash,
            perceptual_hash, problem of the samples table.
        settings: shares, caps and how close near duplicates are.
        seed: of the draws.
        given: the roles that ``roles_from`` gives.
        look_at: opens images by place; None: there are none, and hashes decide alone.
    """
    # What needs the most memory comes first, while little else is kept.
    files, is_hashed = groups.of_files(listing)
    images = groups.of_images(listing, files, settings.near_duplicate_bits, look_at)
    del files
    reasons = Reasons(len(listing))
    problems = _problems(listing, reasons)
    n_unhashed = int((~is_hashed & (problems == 0)).sum())
    del is_hashed
    draws = _draws(listing, seed)
    leaders = groups.leaders(images, listing)
    roles = _draw_roles(draws, settings.shares)[leaders]
    reasons.put(roles == NO_ROLE, "remaining_share")
    if settings.without_box is not None:
        boxless = ~listing.has_box()[leaders] & (roles != NO_ROLE)
        roles[boxless] = CODED.index(settings.without_box)
    del leaders
    if settings.roles_from is not None and given is not None:
        given_roles.settle(settings.roles_from, given, images, roles, reasons)
    if settings.max_per_label is None:
        del draws
    _mark_duplicate_captions(listing, problems == 0, roles, reasons)
    unusable = problems > 0
    roles[unusable], reasons.codes[unusable] = NO_ROLE, problems[unusable]
    del problems, unusable
    if settings.max_per_label is not None:
        _mark_over_cap(listing.labels(), settings, draws, roles, reasons)
    if given is not None:
        given_roles.mark_leaks(images, roles, reasons)
    return Outcome(
        ids=listing.ids, roles=roles, groups=images, reasons=reasons, n_unhashed=n_unhashed
    )


def _problems(listing: Listing, reasons: Reasons) -> Int[np.ndarray, " n"]:
    """Return why each sample is unusable, as the number of a reason; 0: it is usable."""
    problems = np.zeros_like(reasons.codes)
    for rows, texts in listing.column("problem"):
        if texts.null_count < len(texts):
            found = texts.drop_null().dictionary_encode()
            codes = [reasons.code(f"unusable: {text}") for text in found.dictionary.to_pylist()]
            is_bad = texts.is_valid().to_numpy(zero_copy_only=False)
            problems[rows][is_bad] = np.array(codes)[found.indices.to_numpy()]
    return problems


def _draws(listing: Listing, seed: int) -> Float[np.ndarray, " n"]:
    """Return one number in [0, 1) per sample, which depends on the seed and its name alone."""
    draws = np.empty(len(listing), dtype=np.float64)
    for rows, names in listing.column("sample_name"):
        draws[rows] = seeds.uniforms(seed, "split.roles", names.to_pylist())
    return draws


def _draw_roles(draws: Float[np.ndarray, " n"], shares: RoleShares) -> Codes:
    """Return the codes of roles: [0, 1) is cut at the summed shares."""
    ends = np.cumsum([getattr(shares, role) for role in ROLES])
    ends[ends > 1 - 1e-9] = 1.0  # shares that add up to one but for rounding leave no gap
    return np.searchsorted(ends, draws, side="right").astype(np.int8)  # beyond all roles: `NO_ROLE`


def _mark_duplicate_captions(
    listing: Listing, is_usable: Bool[np.ndarray, " n"], roles: Codes, reasons: Reasons
) -> None:
    """Let only the sample whose name sorts first keep its role among usable ones with its caption."""

    def texts() -> Iterator[tuple[slice, pa.Array]]:
        for rows, captions in listing.column("caption"):
            text = pc.utf8_trim_whitespace(captions)
            yield rows, pc.if_else(pa.array(is_usable[rows]), text, None)

    same, _ = equal_groups(texts(), len(listing))
    kept = groups.leaders(same, listing)
    repeats = np.flatnonzero(kept != np.arange(len(kept), dtype=kept.dtype))
    roles[repeats] = NO_ROLE
    reasons.put_repeats(repeats, kept[repeats])


def _mark_over_cap(
    labels: Int[np.ndarray, " n"],
    settings: SplitParams,
    draws: Float[np.ndarray, " n"],
    roles: Codes,
    reasons: Reasons,
) -> None:
    """Keep, per role and label, the samples with the smallest draws of their own."""
    cap = settings.max_per_label
    for code, role in enumerate(ROLES):
        limit = cap if isinstance(cap, int) else getattr(cap, role)
        if limit is None:
            continue
        members = np.flatnonzero(roles == code)
        members = members[np.lexsort((draws[members], labels[members]))]
        ordered = labels[members]
        # Within a label, one is beyond the limit if so many places before there is the label still.
        over = members[limit:][ordered[limit:] == ordered[: max(len(ordered) - limit, 0)]]
        roles[over] = NO_ROLE
        reasons.put(over, "over_cap")
