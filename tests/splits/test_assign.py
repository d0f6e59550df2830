"""Roles are disjoint, follow the shares, keep duplicates together, and stay when data is added."""

import collections

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from dejavu.errors import ArtifactError, ParamsError
from dejavu.params import section
from dejavu.params.corpora import SplitParams
from dejavu.splits import assign
from dejavu.splits import groups as duplicate_groups
from dejavu.splits.listing import Listing
from dejavu.splits.outcome import named
from dejavu.tables import parquet
from dejavu.tables.schemas import LABELS, SAMPLES, SPLITS
from tests.corpora.limits import limits

SHARES = {"target": 0.1, "reference": 0.2, "public": 0.4, "control": 0.1}


def settings(
    shares=None, max_per_label=None, near_duplicate_bits=3, roles_from=None, without_box=None
):
    return SplitParams.model_validate(
        {
            "shares": shares or SHARES,
            "roles_from": roles_from,
            "without_box": without_box,
            "max_per_label": max_per_label,
            "near_duplicate_bits": near_duplicate_bits,
        }
    )


def samples(names, *, labels=None, captions=None, contents=None, hashes=None, problems=None):
    n = len(names)
    rng = np.random.default_rng(n)
    rows = {
        "sample_id": range(n), "sample_name": names, "uri": names, "n_bytes": [1] * n,
        "width_px": [8] * n, "height_px": [8] * n, "label_id": labels or [0] * n,
        "caption": captions or [None] * n, "boxes": [[]] * n, "truth": [None] * n,
        "content_hash": contents or [f"content of {name}" for name in names],
        "perceptual_hash": hashes or rng.integers(-(2**63), 2**63, size=n).tolist(),
        "problem": problems or [None] * n,
    }  # fmt: skip
    return pa.table(rows, schema=SAMPLES.schema)


def divide(folder, rows, split, *, limit=0.0, images=None):
    """Write the splits table of `rows` in `folder`, and return its path."""
    SAMPLES.write(rows, folder / "samples.parquet", inputs={})
    if images is None:
        (folder / "images").mkdir(exist_ok=True)
        (folder / "images/source.json").write_text('{"kind": "none"}')
    n_labels = 1 + (pc.max(rows["label_id"]).as_py() or 0)
    labels = {"label_id": range(n_labels), "label": [f"label {i}" for i in range(n_labels)]}
    LABELS.write(pa.table(labels, schema=LABELS.schema), folder / "labels.parquet", inputs={})
    assign.build(
        settings=assign.SplitSettings(
            split=split, seed=0, data_root=str(folder), limits=limits(labels_without_bank=limit)
        ),
        inputs=assign.SplitInputs(
            samples=folder / "samples.parquet",
            labels=folder / "labels.parquet",
            images=images or folder / "images",
        ),
        out=folder / "splits.parquet",
    )
    return folder / "splits.parquet"


def numbered(n, prefix="image"):
    return [f"{prefix}_{i}" for i in range(n)]


def assigned(rows, seed=0, **changes):
    """Return {sample_name: (role, reason, group_id)}."""
    table = assign.assign(rows, settings(**changes), seed=seed)
    columns = (table[name].to_pylist() for name in ("role", "reason", "group_id"))
    return dict(zip(rows["sample_name"].to_pylist(), zip(*columns, strict=True), strict=True))


def test_shares_are_met():
    roles = collections.Counter(role for role, _, _ in assigned(samples(numbered(20_000))).values())
    for role, share in {**SHARES, "unused": 0.2}.items():
        assert roles[role] / 20_000 == pytest.approx(share, abs=0.012)


def test_what_the_shares_leave_over_says_so():
    found = assigned(samples(numbered(500)))
    reasons = {(role, reason) for role, reason, _ in found.values() if role == "unused"}
    assert reasons == {("unused", "remaining_share")}
    assert all(reason is None for role, reason, _ in found.values() if role != "unused")


def test_shares_that_add_up_to_one_leave_nobody_over():
    shares = {"target": 0.0909, "reference": 0.0909, "public": 0.7273, "control": 0.0909}
    roles = assign._draw_roles(np.array([0.0, 1 - 2**-53]), settings(shares).shares)
    assert named(roles).tolist() == ["target", "control"]


def test_an_empty_share_gets_nobody():
    shares = {"target": 0.5, "reference": 0.0, "public": 0.5, "control": 0.0}
    found = assigned(samples(numbered(300)), shares=shares)
    assert {role for role, _, _ in found.values()} == {"target", "public"}
    roles = assign._draw_roles(np.array([0.5]), settings(shares).shares)
    assert named(roles).tolist() == ["public"]  # the ends belong to the next role


def test_shares_above_one_are_refused(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(
        "split: {shares: {target: 0.5, reference: 0.3, public: 0.3, control: 0.0}, "
        "max_per_label: null, near_duplicate_bits: 3, roles_from: null, without_box: null}\n"
    )
    with pytest.raises(ParamsError, match=r"add up to 1\.1"):
        section(path, "split", SplitParams)


@settings_of_hypothesis(max_examples=40)
@given(st.sets(st.text("abcdef", min_size=1, max_size=3), min_size=2, max_size=25), st.data())
@pytest.mark.slow
def test_adding_samples_changes_no_role(names, data):
    everyone = data.draw(st.permutations(sorted(names)))
    some = everyone[: data.draw(st.integers(1, len(everyone)))]
    hashes = {name: number << 20 for number, name in enumerate(sorted(names))}
    few, many = (
        assigned(samples(chosen, hashes=[hashes[name] for name in chosen]), near_duplicate_bits=0)
        for chosen in (some, everyone)
    )
    assert {name: many[name][0] for name in some} == {name: few[name][0] for name in some}


def test_seeds_differ():
    rows = samples(numbered(200))
    assert assigned(rows, seed=1) != assigned(rows, seed=2)


def test_exact_and_near_duplicates_share_a_role_and_a_group():
    names = numbered(400)
    contents = [f"content {i % 100}" if i < 200 else f"own {i}" for i in range(400)]
    hashes = np.random.default_rng(0).integers(-(2**63), 2**63, size=400)
    hashes[300:] = hashes[200:300] ^ 0b1011  # three bits flipped
    found = list(assigned(samples(names, contents=contents, hashes=hashes.tolist())).values())
    for i in range(100):
        assert found[i] == found[i + 100]
        assert found[i + 200] == found[i + 300]
        assert (found[i][2], found[i + 200][2]) == (i, i + 200)
    alone = assigned(
        samples(names, contents=contents, hashes=hashes.tolist()), near_duplicate_bits=None
    )
    assert [alone[name][2] for name in names[300:]] == list(range(300, 400))


def test_the_name_that_sorts_first_decides_for_its_group():
    alone = assigned(samples(["b", "z"], contents=["1", "2"], hashes=[0, 1 << 40]))
    for other in numbered(30, "c"):
        pair = assigned(samples([other, "b"], contents=["1", "1"], hashes=[0, 0]))
        assert pair[other][0] == pair["b"][0] == alone["b"][0]


def test_unusable_samples_get_no_role_and_no_group():
    rows = samples(["a", "b"], problems=["truncated", None], contents=["x", "y"])
    found = assigned(rows)
    assert found["a"][:2] == ("unused", "unusable: truncated")
    assert found["b"][1] != "unusable: truncated"


def test_one_sample_per_caption():
    captions = ["a cat", "a dog", " a cat ", "a cat", "a bird", None, None]
    problems = [None, None, None, "no_caption", None, None, None]
    names = ["s3", "s1", "s0", "s2", "s4", "s5", "s6"]
    found = assigned(samples(names, captions=captions, problems=problems))
    assert found["s3"][:2] == ("unused", "duplicate_caption: 2")  # s0 sorts first; its id is 2
    assert found["s2"][:2] == ("unused", "unusable: no_caption")
    assert not any("caption" in (found[name][1] or "") for name in ("s0", "s1", "s4", "s5", "s6"))


def test_caps_count_per_role_and_label():
    labels = [i % 3 for i in range(900)]
    rows = samples(numbered(900), labels=labels)
    found = assigned(rows, max_per_label=10)
    free = assigned(rows)
    counts = collections.Counter(
        (role, label) for (role, _, _), label in zip(found.values(), labels, strict=True)
    )
    assert {counts[role, label] for role in SHARES for label in range(3)} == {10}
    for name, (role, reason, _) in found.items():
        assert role == free[name][0] or (role, reason) == ("unused", "over_cap")


def test_a_cap_per_role():
    caps = {"target": 5, "reference": None, "public": 7, "control": None}
    found = assigned(samples(numbered(500)), max_per_label=caps)
    free = collections.Counter(role for role, _, _ in assigned(samples(numbered(500))).values())
    roles = collections.Counter(role for role, _, _ in found.values())
    assert (roles["target"], roles["public"]) == (5, 7)
    assert (roles["reference"], roles["control"]) == (free["reference"], free["control"])


def test_no_sample_at_all():
    assert assigned(samples([])) == {}


def test_order_of_rows_does_not_matter():
    rows = samples(numbered(300), labels=[i % 4 for i in range(300)])
    shuffled = rows.take(np.random.default_rng(0).permutation(300))
    assert assigned(rows, max_per_label=9) == assigned(shuffled, max_per_label=9)


def test_the_table_records_what_it_was_made_from(tmp_path):
    out = divide(tmp_path, samples(numbered(50)), settings())
    assert SPLITS.read(out).num_rows == 50
    assert parquet.inputs_of(out) == {"samples": parquet.fingerprint(tmp_path / "samples.parquet")}


def test_samples_without_a_hash_are_alone_among_those_with_one():
    rows = samples(numbered(6), hashes=[0, None, 255 << 40, None, 255 << 20, 1])
    listing = Listing.of_table(rows)
    files, _ = duplicate_groups.of_files(listing)
    groups = duplicate_groups.of_images(listing, files, 3, None)
    assert groups[0] == groups[5]
    assert len(set(groups.tolist())) == 5


def test_samples_without_a_label_have_a_cap_of_their_own():
    shares = {"target": 1.0, "reference": 0.0, "public": 0.0, "control": 0.0}
    labels = [None, 0, 1] * 5
    found = assigned(samples(numbered(15), labels=labels), shares=shares, max_per_label=3)
    kept = [
        label for label, (role, *_) in zip(labels, found.values(), strict=True) if role == "target"
    ]
    assert collections.Counter(kept) == {None: 3, 0: 3, 1: 3}


def test_how_many_duplicates_there_are_is_told(tmp_path, capsys):
    rows = samples(numbered(7), contents=["a", "b", "a", "c", "a", "b", "d"])
    divide(tmp_path, rows, settings())
    assert "; 3 samples duplicate another" in capsys.readouterr().err


def test_where_only_files_are_compared_no_image_is_opened(tmp_path):
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged/source.json").write_text("{")
    rows = samples(numbered(5))
    exact = divide(tmp_path, rows, settings(near_duplicate_bits=None), images=tmp_path / "damaged")
    assert SPLITS.read(exact)["group_id"].to_pylist() == list(range(5))
    with pytest.raises(ArtifactError, match="source.json: damaged"):
        divide(tmp_path, rows, settings(), images=tmp_path / "damaged")
