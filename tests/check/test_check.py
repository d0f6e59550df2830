"""The dry run finds what is missing or wrong before a stage does."""

import json
import re

import numpy as np
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from dejavu import params
from dejavu.check import check, data, models, room
from dejavu.check import findings as found_by
from dejavu.check import roles as assigned
from dejavu.cli import app
from dejavu.corpora.records import Record
from dejavu.params.search import RetrieveParams
from tests.corpora.image_files import photo
from tests.paths import ROOT

ADOPTED = {
    "source": "timm", "recipe": "released", "name": "resnet10t", "weights": "weights/net.pth",
    "trained_on": "elsewhere", "second_model": None, "layers": ["backbone"],
}  # fmt: skip


@pytest.fixture
def content(tmp_path, monkeypatch):
    """A preset made small: 20 photographs of two classes with a box each, and one small network."""
    monkeypatch.setenv("DEJAVU_DATA_ROOT", str(tmp_path))
    rows = ["path,x0,y0,x1,y1"]
    for i in range(20):
        path = tmp_path / f"photos/{'ab'[i % 2]}/{i}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photo(i, size=(64, 48)))
        rows.append(f"{path.relative_to(tmp_path / 'photos').as_posix()},0,0,40,30")
    (tmp_path / "photos/boxes.csv").write_text("\n".join(rows) + "\n")
    made = params.read(ROOT / "presets/tiny-imagenet.yaml")
    image = made["image"]
    image["corpus"] = {
        "adapter": "image_folder", "root": "photos", "use": None, "boxes": "boxes.csv",
        "max_dropped_share": 0.0,
    }  # fmt: skip
    image["split"]["shares"] = {"target": 0.2, "reference": 0.2, "public": 0.5, "control": 0.1}
    image["models"] = {"vicreg": image["models"]["vicreg"] | {"second_model": None}}
    image["neighbors"]["k"] = 5
    made["recipes"]["vicreg"]["batch_size"] = 3
    made["report"]["headline"]["image"]["reference"] = "classifier"
    return made


def failures(content, tmp_path):
    """Return {what: (status, detail)} of all that is missing or wrong."""
    path = tmp_path / "params.yaml"
    with path.open("w") as stream:
        YAML().dump(content, stream)
    return {f.what: (f.status, f.detail) for f in check(path) if f.status in ("missing", "wrong")}


def put(content, dotted, value):
    *parents, last = dotted.split(".")
    for key in parents:
        content = content[key]
    content[last] = value


@pytest.mark.slow
def test_nothing_is_wrong_with_what_is_right(content, tmp_path):
    assert failures(content, tmp_path) == {}


@pytest.mark.parametrize(
    ("dotted", "value", "what", "message"),
    [
        ("image.corpus.rot", "x", "image.corpus", "rot: unknown key"),
        ("image.naive_bays", {}, "names of sections", "image: no stage reads 'naive_bays'. Did you mean"),
        ("imgae", {}, "names of sections", "the file: no stage reads 'imgae'. Did you mean 'image'"),
        ("image.neighbors.k", 12, "image.neighbors.k", "12, but role public gets about 11 samples"),
        ("recipes.vicreg.batch_size", 5, "recipes.vicreg.batch_size for vicreg",
         "5, but role target gets about 3 samples"),
        ("image.split.shares.target", 0.0, "split", "no sample gets the role target"),
        ("image.corpus.boxes", None, "crop", "rule 'largest' needs boxes"),
        ("image.neighbors.index", "IVF64,Fla", "neighbors.index", "FAISS cannot build 'IVF64,Fla'"),
        ("image.neighbors.index", "IVF64,Flat; probes=3", "neighbors.index", "cannot set 'probes=3'"),
        ("image.annotators.visual_words", {"source": "corpus"}, "annotators.visual_words (corpus)",
         "does not know"),
        ("image.score.references", ["clasifier"], "image.score.references", "Did you mean 'classifier'"),
        ("image.score.consensus_of", ["naive_bayes@3"], "image.score.references", "'naive_bayes@3'?"),
        ("image.score.consensus_of", ["vicreg"], "image.score.references", "'vicreg' is under audit, or the"),
        ("report.covariates", ["vicreg"], "report.headline.image", "covariates: 'vicreg' is under audit"),
        ("report.headline.image.target", "vicrag", "report.headline.image", "Did you mean 'vicreg'"),
        ("report.headline.image.reference", "naive_bayes@3", "report.headline.image",
         "measure 'naive_bayes@3'"),
        ("report.headline.image.reference", "second_model", "report.headline.image", "only classifier"),
        ("report.headline.image", None, "report.headline.image", "is null, but the run measures"),
        ("recipes.vicreg.architecture", "conv_smal", "models.vicreg (trained)", "Did you mean 'conv_small'"),
        ("image.models.vicreg.layers", ["head"], "models.vicreg (trained)", "no layer 'head'"),
        ("image.models.vicreg.recipe", "released", "models.vicreg (trained)", "models trained elsewhere"),
        ("image.classifiers.classifier.architecture", "vgg", "classifiers.classifier", "'vgg' is unknown"),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_what_is_wrong_is_said_to_be_wrong(content, tmp_path, dotted, value, what, message):
    put(content, dotted, value)
    found = failures(content, tmp_path)
    assert what in found
    status, detail = found[what]
    assert status == "wrong"
    assert message in detail


def test_the_index_of_the_caption_lane_is_opened_too():
    section = RetrieveParams(k=5, index="IVF64,Fla", candidate_margin=1)
    (found,) = models._look_at_search(
        "caption.retrieve", {"caption.retrieve": section}, {"clip": {"caption": 64}}
    )
    assert (found.area, found.what, found.status) == ("caption", "retrieve.index", "wrong")
    assert "FAISS cannot build 'IVF64,Fla'" in found.detail


@pytest.mark.slow
def test_what_is_missing_comes_with_how_to_get_it(content, tmp_path):
    content["image"]["models"]["net"] = ADOPTED
    content["image"]["models"]["released"] = {
        "source": "vicreg", "recipe": "released", "weights": "weights/vicreg_resnet50_fullckpt.pth",
        "trained_on": "target", "second_model": None, "layers": ["projector"],
    }  # fmt: skip
    content["image"]["corpus"]["root"] = "elsewhere"
    found = failures(content, tmp_path)
    assert {what: status for what, (status, _) in found.items()} == {
        "corpus (image_folder)": "missing", "models.net (timm)": "missing",
        "models.released (vicreg)": "missing",
    }  # fmt: skip
    assert str(tmp_path / "elsewhere") in found["corpus (image_folder)"][1]
    assert "`dejavu fetch vicreg_resnet50_full`" in found["models.released (vicreg)"][1]


@pytest.mark.slow
def test_a_file_that_is_no_checkpoint_is_wrong(content, tmp_path):
    content["image"]["models"]["net"] = ADOPTED
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights/net.pth").write_bytes(b"<html>404</html>")
    status, detail = failures(content, tmp_path)["models.net (timm)"]
    assert status == "wrong"
    assert "is a web page" in detail


@pytest.mark.slow
def test_damaged_first_images_are_told(content, tmp_path):
    for path in (tmp_path / "photos").glob("*/*.jpg"):
        path.write_bytes(b"no image")
    status, detail = failures(content, tmp_path)["images"]
    assert status == "wrong"
    assert "20 of 20 samples (100.0%) are unusable" in detail


@pytest.mark.slow
def test_given_roles_are_counted(content, tmp_path):
    split = content["image"]["split"]
    split["roles_from"] = {"source": "table", "path": "roles.csv"}
    assert "roles.csv: no such file" in failures(content, tmp_path)["split"][1]
    names = [f"{'ab'[i % 2]}/{i}.jpg" for i in range(20)]
    roles = ["target"] * 8 + ["reference"] * 4 + ["public"] * 5 + ["control"] * 3
    rows = [f"{name},{role}" for name, role in zip(names, roles, strict=True)]
    (tmp_path / "roles.csv").write_text("\n".join(["sample_name,role", *rows]) + "\n")
    assert failures(content, tmp_path) == {}
    content["image"]["neighbors"]["k"] = 6
    assert "role public gets about 5 samples" in failures(content, tmp_path)["image.neighbors.k"][1]


def test_roles_follow_boxes_folders_and_caps():
    """ImageNet's recipe: val is control; of train the annotated are attacked, the others public."""
    from dejavu.corpora.records import Box
    from dejavu.params.corpora import SplitParams

    box = (Box(0, 0, 1, 1),)
    listed = [
        *(
            Record(name=f"t{i}", uri=f"train/a/{i}", boxes=box if i < 40 else ())
            for i in range(100)
        ),
        *(Record(name=f"v{i}", uri=f"val/a/{i}", boxes=box) for i in range(10)),
    ]
    split = SplitParams.model_validate(
        {
            "shares": {"target": 0.5, "reference": 0.5, "public": 0.0, "control": 0.0},
            "roles_from": {"source": "folders", "folders": {"val": "control"}},
            "without_box": "public", "near_duplicate_bits": None,
            "max_per_label": {"target": 15, "reference": 30, "public": None, "control": 5},
        }
    )  # fmt: skip
    known = assigned.Lane("image", n=110, n_boxed=50, is_complete=True, listed=listed)
    assigned.divide(known, split, 0, ".")
    assert known.roles.pop("reference") + known.roles.pop("target") in range(31, 41)
    assert known.roles == {"public": 60, "control": 5}


def test_the_space_for_vectors_is_counted():
    roles = {"target": 10.0, "control": 5.0, "reference": 0.0, "public": 1_000_000.0}
    lane = assigned.Lane("image", n=1_000_015, roles=roles)
    values = {
        "image.neighbors": type("Section", (), {"k": 100, "metrics": ("l2",)}),
        "image.models": {"net": None},
    }
    expected = 1_000_015 * (400 + 4 * 8192) + 15 * 100 * 12
    assert np.isclose(room._needed(lane, values, {"net": {"projector": 8192}}), expected)


@pytest.mark.slow
def test_the_command_prints_a_table_or_json_and_fails_where_something_is_wrong(content, tmp_path):
    path = tmp_path / "params.yaml"
    assert failures(content, tmp_path) == {}
    good = CliRunner().invoke(app, ["check", "--params", str(path), "--json"])
    assert good.exit_code == 0
    assert {"area", "what", "status", "detail"} == set(json.loads(good.stdout)[0])
    put(content, "image.corpus.root", "elsewhere")
    failures(content, tmp_path)
    bad = CliRunner().invoke(app, ["check", "--params", str(path)])
    assert bad.exit_code == 1
    assert "missing" in bad.stdout
    assert max(map(len, bad.stdout.splitlines())) < 120


@pytest.mark.slow
def test_zero_kept_crops_are_wrong_before_the_run(content, tmp_path):
    content["image"]["crop"]["rule"] = "corner"
    content["image"]["crop"]["corner_fraction"] = 0.1
    status, detail = failures(content, tmp_path)["crops"]
    assert status == "wrong"
    assert "role target: not one of 20 crops is kept: 20 crop_too_small" in detail


@pytest.mark.slow
def test_boxes_of_another_unit_are_wrong_before_the_run(content, tmp_path):
    path = tmp_path / "photos/boxes.csv"
    path.write_text(path.read_text().replace(",0,0,40,30", ",0.1,0.1,0.6,0.7"))
    status, detail = failures(content, tmp_path)["limits"]
    assert status == "wrong"
    assert "all 20 boxes have their corners between 0 and 1" in detail


@pytest.mark.slow
def test_an_odd_exception_is_a_finding_and_the_check_goes_on(content, tmp_path, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("odd")

    monkeypatch.setattr(data.build, "adapter", broken)
    status, detail = failures(content, tmp_path)["corpus (image_folder)"]
    assert status == "wrong"
    assert "ZeroDivisionError: odd" in detail


@pytest.mark.slow
def test_labels_that_the_bank_lacks_are_wrong_before_the_run(content, tmp_path):
    content["image"]["split"]["roles_from"] = {"source": "folders", "folders": {"a": "control"}}
    status, detail = failures(content, tmp_path)["labels"]
    assert status == "wrong"
    assert (
        "10 of 13 attacked samples have a label that no public or no reference sample has" in detail
    )


def test_an_exception_between_findings_is_the_last_of_them():
    def findings():
        yield found_by.Finding(area="image", what="a", status="ok", detail="")
        raise RecursionError("odd")

    first, last = found_by.guarded("image", findings())
    assert (first.what, last.status, last.area) == ("a", "wrong", "image")
    assert "RecursionError: odd" in last.detail


@pytest.mark.slow
def test_the_page_shows_images_with_boxes_and_crop_counts_and_what_is_refused(content, tmp_path):
    content["image"]["neighbors"]["k"] = 12
    failures(content, tmp_path)
    check(tmp_path / "params.yaml", page=tmp_path / "reports/check.html")
    text = (tmp_path / "reports/check.html").read_text(encoding="utf-8")
    assert text.count('src="data:image/webp;base64,') == 20
    assert "1 box, crop kept" in text
    assert "12, but role public gets about 11 samples" in text
    assert re.search(r"<td>public</td><td class=\"n\">11</td>", text)
    assert "samples; four times as many halve it" in text  # the width of the interval
    assert "http" not in text.replace("http-equiv", "")


@pytest.mark.slow
def test_a_page_that_cannot_be_written_loses_no_finding(content, tmp_path):
    content["image"]["neighbors"]["k"] = 12
    known = failures(content, tmp_path)
    (tmp_path / "reports").write_text("a file")
    found = check(tmp_path / "params.yaml", page=tmp_path / "reports/check.html")
    assert {f.what for f in found if f.status in found_by.FAILURES} - known.keys() == {
        found[-1].what
    }
    assert found[-1].what == str(tmp_path / "reports/check.html")
    assert found[-1].detail.startswith(f"{tmp_path / 'reports'}: ")


@pytest.mark.slow
def test_of_a_generated_corpus_the_page_shows_the_first_samples_and_says_so(content, tmp_path):
    content["image"]["corpus"] = {
        "adapter": "glyphs", "n_images": 200, "n_labels": 3, "n_scenes": 2, "favorite_share": 0.3,
        "size_px": 32, "planted_share": 0.0, "max_dropped_share": 0.0,
    }  # fmt: skip
    failures(content, tmp_path)
    check(tmp_path / "params.yaml", page=tmp_path / "check.html")
    text = (tmp_path / "check.html").read_text(encoding="utf-8")
    assert "200 samples are listed; the first 24 of them were generated." in text.replace("\n", " ")


@pytest.mark.slow
def test_the_page_shows_captions_with_their_objects(content, tmp_path):
    """Of a table of objects, those of a sample; a sample that it does not know is not empty."""
    rows = [f"a/{i}.jpg,a photo of {i}" for i in range(0, 20, 2)]
    (tmp_path / "photos/captions.csv").write_text("\n".join(["path,caption", *rows]) + "\n")
    (tmp_path / "objects.csv").write_text(
        "sample_name,object,score\na/0.jpg,dog,0.9\na/2.jpg,,\na/4.jpg,cat,0.1\n"
    )
    content["caption"]["corpus"] = {
        "adapter": "captions_table", "root": "photos", "table": "captions.csv", "path_column": "path",
        "caption_column": "caption", "max_dropped_share": 0.0,
    }  # fmt: skip
    content["caption"]["objects"] = {
        "source": "table", "path": "objects.csv", "min_score": 0.3, "allow_missing": True,
    }  # fmt: skip
    status, detail = failures(content, tmp_path)["annotations"]
    assert status == "wrong"
    assert re.search(
        r"\d of \d target, control or public samples have no annotation .* limits.unannotated = 2.0%",
        detail,
    )
    check(tmp_path / "params.yaml", page=tmp_path / "check.html")
    text = (tmp_path / "check.html").read_text(encoding="utf-8")
    assert "<td>a/0.jpg</td><td>a photo of 0</td><td>dog</td>" in text
    assert "<td>a/2.jpg</td><td>a photo of 2</td><td>nothing</td>" in text
    assert "<td>a/6.jpg</td><td>a photo of 6</td><td>nobody said what the image shows</td>" in text
