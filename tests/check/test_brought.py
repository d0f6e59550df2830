"""What people bring and does not fit is wrong before the run, as the run would say."""

import re

import pytest

from dejavu.check import check
from tests.check.test_check import content, failures  # noqa: F401  # a fixture


@pytest.mark.slow
def test_boxes_least_like_the_others_are_drawn_first(content, tmp_path):  # noqa: F811
    """One box of 20 in another unit is a right box of something else: only a person can tell."""
    lines = (tmp_path / "photos/boxes.csv").read_text().splitlines()
    lines[8] = lines[8].replace("0,0,40,30", "3,2,17,15")
    (tmp_path / "photos/boxes.csv").write_text("\n".join(lines) + "\n")
    assert failures(content, tmp_path) == {}
    check(tmp_path / "params.yaml", page=tmp_path / "check.html")
    cards = re.findall(r"<figcaption>(.*?)</figcaption>", (tmp_path / "check.html").read_text())
    assert lines[8].split(",")[0] in cards[0]
    assert "boxes least like the others" in cards[0]


@pytest.mark.slow
def test_every_listed_box_is_judged_before_any_image_is_opened(content, tmp_path, monkeypatch):  # noqa: F811
    from dejavu.check import rehearsal

    monkeypatch.setattr(rehearsal, "SAMPLES", 2)  # the odd row is not among them
    path = tmp_path / "photos/boxes.csv"
    path.write_text(path.read_text().replace("a/8.jpg,0,0,40,30", "a/8.jpg,0.1,0.1,0.6,0.7"))
    status, detail = failures(content, tmp_path)["limits"]
    assert status == "wrong"
    assert "all 20 boxes listed" in detail
    assert "1 of 20 boxes lie within the first pixel, with fractions" in detail


@pytest.mark.slow
def test_duplicates_among_the_samples_looked_at_are_counted(content, tmp_path):  # noqa: F811
    (tmp_path / "photos/b/9.jpg").write_bytes((tmp_path / "photos/a/8.jpg").read_bytes())
    params_file = tmp_path / "params.yaml"
    failures(content, tmp_path)
    (found,) = [f for f in check(params_file) if f.what == "duplicates" and f.area == "image"]
    assert found.status == "ok"
    assert "2 of 20 samples looked at duplicate another of them" in found.detail
    assert "100.0% of all pairs were compared" in found.detail


@pytest.mark.slow
def test_duplicates_in_two_given_roles_are_named(content, tmp_path):  # noqa: F811
    (tmp_path / "photos/b/9.jpg").write_bytes((tmp_path / "photos/a/8.jpg").read_bytes())
    content["image"]["split"]["roles_from"] = {
        "source": "folders", "folders": {"a": "target", "b": "public"},
    }  # fmt: skip
    failures(content, tmp_path)
    found = {f.what: f.detail for f in check(tmp_path / "params.yaml") if f.area == "image"}
    assert (
        "1 pairs lie in two roles, e.g. a/8.jpg (target) and b/9.jpg (public)"
        in found["duplicates"]
    )


@pytest.mark.slow
def test_names_that_come_twice_are_wrong_before_the_run(content, tmp_path):  # noqa: F811
    table = tmp_path / "photos/t.csv"
    table.write_text("path,caption\na/0.jpg#1,one\na/0.jpg,two\na/0.jpg,three\n")
    content["caption"]["corpus"] = {
        "adapter": "captions_table", "root": "photos", "table": "t.csv", "path_column": "path",
        "caption_column": "caption", "max_dropped_share": 1.0,
    }  # fmt: skip
    status, detail = failures(content, tmp_path)["names"]
    assert status == "wrong"
    assert "1 sample names occur more than once" in detail


@pytest.mark.parametrize(
    ("allow_missing", "message"),
    [(False, "Annotate the rest"), (True, "Expected at most limits.unannotated = 2.0%")],
)
@pytest.mark.slow
def test_tags_that_lack_crops_are_wrong_before_the_run(content, tmp_path, allow_missing, message):  # noqa: F811
    (tmp_path / "tags.csv").write_text("sample_name,tag,score\na/0.jpg,sky,0.5\n")
    content["image"]["annotators"]["mine"] = {
        "source": "table", "path": "tags.csv", "min_score": 0.0, "max_tags": 5,
        "allow_missing": allow_missing,
    }  # fmt: skip
    status, detail = failures(content, tmp_path)["annotators.mine, tags"]
    assert status == "wrong"
    assert re.search(r"kept crops looked at have no row, e.g. \w/\d", detail)
    assert message in detail


@pytest.mark.slow
def test_guesses_that_lack_crops_are_wrong_before_the_run(content, tmp_path):  # noqa: F811
    (tmp_path / "guesses.csv").write_text("sample_name,predicted\na/0.jpg,a\n")
    content["image"]["predictions"] = {"theirs": {"path": "guesses.csv"}}
    status, detail = failures(content, tmp_path)["predictions.theirs"]
    assert status == "wrong"
    assert "no guess for" in detail


@pytest.mark.slow
def test_objects_that_no_public_image_shows_are_wrong_before_the_run(content, tmp_path):  # noqa: F811
    rows = [f"{'ab'[i % 2]}/{i}.jpg,a photo of {i}" for i in range(20)]
    (tmp_path / "photos/captions.csv").write_text("\n".join(["path,caption", *rows]) + "\n")
    known = [f"{'ab'[i % 2]}/{i}.jpg,{'dog' if i % 2 else 'Dog'},0.9" for i in range(20)]
    (tmp_path / "objects.csv").write_text("\n".join(["sample_name,object,score", *known]) + "\n")
    content["caption"]["corpus"] = {
        "adapter": "captions_table", "root": "photos", "table": "captions.csv", "path_column": "path",
        "caption_column": "caption", "max_dropped_share": 0.0,
    }  # fmt: skip
    content["caption"]["split"]["roles_from"] = {
        "source": "folders", "folders": {"a": "target", "b": "public"},
    }  # fmt: skip
    content["caption"]["objects"] = {
        "source": "table", "path": "objects.csv", "min_score": 0.3, "allow_missing": False,
    }  # fmt: skip
    status, detail = failures(content, tmp_path)["annotations"]
    assert status == "wrong"
    assert "10 of 10 attacked samples show only objects that no public image shows" in detail
