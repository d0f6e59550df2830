"""Foreground boxes: found for the class of each image, in a file that the corpus reads."""

import dataclasses
import math
from typing import ClassVar

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from ruamel.yaml import YAML
from typer.testing import CliRunner

from dejavu import params
from dejavu.annotators import foreground, grounded_sam, prompts, tagger
from dejavu.annotators.detections import ranked
from dejavu.annotators.grounded_sam import GroundedSam
from dejavu.commands import detect_boxes
from dejavu.corpora import build
from dejavu.corpora.image_folder import ImageFolder
from dejavu.errors import DataError, ParamsError
from dejavu.params.annotators import GroundedSamParams
from dejavu.params.corpora import GlyphsParams, ImageFolderParams
from dejavu.report import caveats
from dejavu.tables.schemas import LABELS, SAMPLES
from tests.annotators.test_corpus_annotator import MACHINE
from tests.annotators.test_prompts import letters
from tests.annotators.test_tagger import settings_of
from tests.corpora.limits import LIMITS

ENTRY = {
    "source": "grounded_sam", "backend": "transformers", "weights": "a/b", "mask_weights": "c/d",
    "text_encoder": None, "vocabulary": "coco", "box_threshold": 0.25, "text_threshold": 0.2,
    "max_tags": 5,
}  # fmt: skip
CORPUS = {"adapter": "image_folder", "root": "photos", "use": None, "boxes": "boxes.parquet",
          "max_dropped_share": 0.5}  # fmt: skip


@dataclasses.dataclass
class Middle:
    """A stand-in: finds what it is asked for in the middle of bright images."""

    provenance: ClassVar = {"weights": "w"}
    max_tokens: ClassVar = 200
    has_masks: ClassVar = False
    asked: list = dataclasses.field(default_factory=list)
    fails_after: int = 99

    def tokenize(self, text):
        return letters(text)

    def mask_areas(self, image, boxes, within):
        raise AssertionError("boxes need no masks")

    def ground(self, image, texts):
        if len(self.asked) == self.fails_after:
            raise KeyboardInterrupt
        self.asked.append(list(texts))
        for text in texts:
            logit = 2.0 if np.asarray(image).mean() > 99 else -5.0
            yield np.full((1, len(letters(text))), logit), np.array([[0.5, 0.5, 0.5, 0.25]])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two classes, one of them a wnid; a dark image and one that is no image."""
    monkeypatch.chdir(tmp_path)
    for name, light in (("garden_hose/1", 200), ("garden_hose/2", 0), ("n02012849/3", 200)):
        path = tmp_path / f"photos/{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 20), (light,) * 3).save(path)
    (tmp_path / "photos/n02012849/4.png").write_bytes(b"no image")
    return tmp_path


def detect(folder, monkeypatch, backend, wanted="label", corpus=None):
    def load(settings, machine):
        assert settings.mask_weights is None, "boxes need no masks"
        names = ("cat", "dog")
        cut = prompts.cut(names, letters, max_tokens=9)
        return GroundedSam(backend=backend, settings=settings, vocabulary=names, prompts=cut)

    monkeypatch.setattr(grounded_sam, "load", load)
    return foreground.detect(
        GroundedSamParams(**ENTRY), ImageFolderParams(**corpus or CORPUS), wanted=wanted,
        out="boxes.parquet", machine=MACHINE,
    )  # fmt: skip


@pytest.mark.parametrize("per_shard", [1, 3, 100])
@pytest.mark.slow
def test_each_class_is_looked_for_by_name(folder, monkeypatch, per_shard, capsys):
    monkeypatch.setattr(foreground, "IMAGES_PER_SHARD", per_shard)
    backend = Middle()
    path = detect(folder, monkeypatch, backend)
    assert backend.asked == [["garden hose."], ["garden hose."], ["crane."]]
    rows = pq.read_table(path).to_pylist()
    box = {"x0": 10.0, "y0": 7.5, "x1": 30.0, "y1": 12.5, "score": pytest.approx(0.880797)}
    assert rows == [
        {"path": "garden_hose/1.png", "label": "garden hose", **box},
        {"path": "n02012849/3.png", "label": "crane", **box},
    ]
    said = capsys.readouterr().err
    assert "2 boxes in 2 of 4 images" in said
    assert "images cannot be read" in said
    assert sorted(p.name for p in (folder / "photos").iterdir()) == [
        "boxes.parquet", "garden_hose", "n02012849",
    ]  # fmt: skip


def test_the_corpus_reads_the_file(folder, monkeypatch):
    detect(folder, monkeypatch, Middle())
    corpus = ImageFolder(ImageFolderParams(**CORPUS), 0, ".")
    boxes = {record.name: record.boxes for record in corpus.records()}
    (box,) = boxes["garden_hose/1.png"]
    assert (box.label, math.floor(box.x0), math.floor(box.y0)) == ("garden hose", 10, 7)
    assert (math.ceil(box.x1), math.ceil(box.y1)) == (30, 13)  # as `repair` rounds: outward
    assert boxes["garden_hose/2.png"] == ()


def test_a_vocabulary_is_looked_for_in_every_image(folder, monkeypatch):
    backend = Middle()
    path = detect(folder, monkeypatch, backend, wanted="vocabulary")
    assert backend.asked == [["cat.", "dog."]] * 3
    assert pq.read_table(path)["label"].to_pylist() == ["cat", "dog"] * 2


def test_a_killed_command_resumes_and_repeats_byte_by_byte(folder, monkeypatch):
    monkeypatch.setattr(foreground, "IMAGES_PER_SHARD", 1)
    with pytest.raises(KeyboardInterrupt):
        detect(folder, monkeypatch, Middle(fails_after=2))
    backend = Middle()
    first = detect(folder, monkeypatch, backend).read_bytes()
    assert len(backend.asked) == 1
    assert detect(folder, monkeypatch, Middle()).read_bytes() == first


def test_nothing_found_is_a_file_without_rows(folder, monkeypatch):
    for path in (folder / "photos").rglob("[13].png"):
        path.unlink()
    assert pq.read_table(detect(folder, monkeypatch, Middle())).num_rows == 0


def test_other_annotators_corpora_and_files_are_refused(folder):
    glyphs = params.section(detect_boxes_params(folder), "image.corpus", GlyphsParams)
    with pytest.raises(ParamsError, match="corpus image_folder, .* found grounded_sam and glyphs"):
        foreground.detect(GroundedSamParams(**ENTRY), glyphs, wanted="label", out="x.parquet",
                          machine=MACHINE)  # fmt: skip
    corpus = ImageFolderParams(**CORPUS)
    with pytest.raises(ParamsError, match=r"expected a file that ends in \.parquet"):
        foreground.detect(GroundedSamParams(**ENTRY), corpus, wanted="label", out="boxes.csv",
                          machine=MACHINE)  # fmt: skip
    missing = ImageFolderParams(**CORPUS | {"root": "nowhere"})
    with pytest.raises(DataError, match="no such folder"):
        foreground.detect(GroundedSamParams(**ENTRY), missing, wanted="label", out="x.parquet",
                          machine=MACHINE)  # fmt: skip


def detect_boxes_params(folder):
    corpus = {"adapter": "glyphs", "n_images": 9, "n_labels": 2, "n_scenes": 1, "favorite_share": 0.0,
              "size_px": 32, "planted_share": 0.0, "max_dropped_share": 0.0}  # fmt: skip
    path = folder / "params.yaml"
    content = {
        "image": {"corpus": corpus, "annotators": {"net": ENTRY}},
        "machine": MACHINE.model_dump(),
    }
    with path.open("w") as stream:
        YAML().dump(content, stream)
    return path


def test_the_command_reads_params(folder, monkeypatch):
    import typer

    path = detect_boxes_params(folder)
    content = params.read(path)
    content["image"]["corpus"] = CORPUS
    with path.open("w") as stream:
        YAML().dump(content, stream)
    backend = Middle()
    looker = GroundedSam(backend=backend, settings=GroundedSamParams(**ENTRY), vocabulary=("cat",),
                         prompts=prompts.cut(("cat",), letters, max_tokens=9))  # fmt: skip
    monkeypatch.setattr(grounded_sam, "load", lambda settings, machine: looker)
    app = typer.Typer()
    app.command()(detect_boxes.command)
    done = CliRunner().invoke(app, ["--annotator", "net"])
    assert done.exit_code == 0, done.output
    assert "set image.corpus.boxes to 'boxes.parquet'" in done.output
    assert len(backend.asked) == 3


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Photos in folders that mean nothing: a light and a dark object, one image without, one unreadable."""
    monkeypatch.chdir(tmp_path)
    for name, light in (("2024/a", 250), ("2024/b", 120), ("c", 10)):
        path = tmp_path / f"photos/{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.new("RGB", (40, 30), (60, 60, 60))
        image.paste((light,) * 3, (10, 5, 20, 15))
        image.save(path)
    (tmp_path / "photos/d.png").write_bytes(b"no image")
    rows = [
        "path,x0,y0,x1,y1",
        *(f"{name}.png,10,5,20,15" for name in ("2024/a", "2024/b", "c", "d")),
    ]
    (tmp_path / "photos/boxes.csv").write_text("\n".join([*rows, "2024/a.png,0,0,4,4", ""]))
    return tmp_path


class ByLight(tagger.Tagger):
    """A tagger that knows white and black, and nothing between."""

    provenance: ClassVar = {"weights": "w"}
    vocabulary = ("black", "white")

    def look(self, images):
        for image in images:
            light = np.asarray(image).mean()
            known = [light > 200] if light < 50 or light > 200 else []
            yield ranked(
                name_ids=np.array(known, dtype=np.int64),
                scores=np.full(len(known), 0.9),
                max_names=1,
            )[0]


BARE = CORPUS | {"labels": "boxes", "max_dropped_share": 0.5}


def named(monkeypatch, **changes):
    monkeypatch.setattr(tagger, "load", lambda settings, machine: object.__new__(ByLight))
    return foreground.detect(
        settings_of(), ImageFolderParams(**BARE | {"boxes": "boxes.csv"} | changes), wanted="label",
        out="labeled.parquet", machine=MACHINE,
    )  # fmt: skip


def test_a_tagger_names_what_is_in_the_largest_box(photos, monkeypatch, capsys):
    rows = pq.read_table(named(monkeypatch)).to_pylist()
    assert [(row["path"], row["label"]) for row in rows] == [
        ("c.png", "black"), ("2024/a.png", "white"), ("2024/b.png", None),
    ]  # fmt: skip
    assert {(row["x0"], row["y0"], row["x1"], row["y1"]) for row in rows} == {(10, 5, 20, 15)}
    assert "3 boxes in 3 of 4 images, 2 with a label" in capsys.readouterr().err


def test_photos_without_labels_become_a_corpus_that_says_who_labeled_it(photos, monkeypatch):
    named(monkeypatch)
    files = {name: photos / f"{name}.parquet" for name in ("samples", "labels")}
    build.build(
        settings=build.BuildSettings(
            lane="image", corpus=ImageFolderParams(**BARE | {"boxes": "labeled.parquet"}),
            limits=LIMITS, seed=0, machine=MACHINE,
        ),
        out=build.CorpusTables(images=photos / "image/images", **files),
    )  # fmt: skip
    rows = {row["sample_name"]: row for row in SAMPLES.read(files["samples"]).to_pylist()}
    names = LABELS.read(files["labels"])["label"].to_pylist()
    assert names == ["black", "white"]
    assert {name: row["label_id"] for name, row in rows.items()} == {
        "c.png": 0, "2024/a.png": 1, "2024/b.png": None, "d.png": None,
    }  # fmt: skip
    assert (rows["2024/b.png"]["problem"], rows["d.png"]["problem"]) == ("no_label", "no_label")
    (warning,) = caveats.read(photos).warnings()
    assert (
        "the name that tagger (test_vit) found in the foreground box (labeled.parquet)" in warning
    )
    assert "2 of 4 images (50.0 %) have one" in warning


def test_labels_beside_boxes_need_labels_and_boxes(photos, monkeypatch):
    with pytest.raises(ValueError, match="set boxes"):
        ImageFolderParams(**BARE | {"boxes": None})
    corpus = ImageFolder(ImageFolderParams(**BARE | {"boxes": "boxes.csv"}), 0, ".")
    with pytest.raises(DataError, match="no box has a label, and corpus.labels is boxes"):
        list(corpus.records())
    with pytest.raises(ParamsError, match="boxes is null"):
        named(monkeypatch, labels="folders", boxes=None)
    with pytest.raises(ParamsError, match="Give another one as --out"):
        named(monkeypatch, boxes="labeled.parquet")
    with pytest.raises(ParamsError, match="Give --wanted vocabulary"):
        detect(photos, monkeypatch, Middle(), corpus=BARE)


def test_a_vocabulary_labels_photos_without_classes(photos, monkeypatch):
    (photos / "photos/d.png").unlink()
    path = detect(photos, monkeypatch, Middle(), wanted="vocabulary", corpus=BARE)
    assert set(pq.read_table(path)["path"].to_pylist()) <= {"c.png", "2024/a.png", "2024/b.png"}
    Image.new("RGB", (40, 20), (200,) * 3).save(photos / "photos/e.png")
    path = detect(photos, monkeypatch, Middle(), wanted="vocabulary", corpus=BARE)
    corpus = ImageFolder(ImageFolderParams(**BARE), 0, ".")
    labels = {each.name: each.label_id for each in corpus.records()}
    assert corpus.labels == ("cat",)  # equal scores: the first name
    assert (labels["e.png"], labels["c.png"]) == (0, None)
