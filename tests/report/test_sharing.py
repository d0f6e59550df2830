"""A report for readers who may not see the data: no image, no name of a sample or file, no caption."""

import csv
import json
import re

import pytest
from typer.testing import CliRunner

from dejavu import cli
from dejavu.errors import ParamsError
from dejavu.report import csv_files, sharing
from dejavu.report.from_params import Settings
from dejavu.report.make import make
from tests.report.gallery import world

SECRET = "s3cret"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run whose captions and folders hold a word that no reader may see."""
    folder = tmp_path_factory.mktemp("sharing")
    found = world.write(folder, change_caption=lambda caption: f"{caption} {SECRET}")
    for lane, models in (("image", "encoders/vicreg"), ("caption", "models/clip")):
        place = folder / lane / models
        place.mkdir(parents=True)
        facts = {
            "source": "checkpoint", "file": f"/home/{SECRET}/weights.pth", "trained_on": "target",
            "layers": {"projector": 512}, "weights_sha256": "ab" * 32,
        }  # fmt: skip
        (place / "provenance.json").write_text(json.dumps(facts))
    source = folder / "caption" / "images" / "source.json"
    source.write_text(json.dumps({"kind": "embedded", "root": f"/data/{SECRET}"}))
    return found


def written(made, out, **may):
    settings = Settings(image=made.image, captions=made.captions)
    make(settings=settings, inputs=made.data, out=out, sharing=sharing.Sharing(**may))
    return {file: file.read_text(encoding="utf-8") for file in out.rglob("*") if file.is_file()}


def names():
    """Return how samples and images are called in this run."""
    return re.compile(rf"image-\d+|\bn\d+\b|part-\d+\.parquet|{SECRET}|weights\.pth")


@pytest.mark.slow
def test_a_whole_report_holds_images_and_names(made, tmp_path):
    page = next(text for file, text in written(made, tmp_path).items() if file.suffix == ".html")
    assert "data:image" in page
    assert SECRET in page


@pytest.mark.slow
def test_a_report_without_images_and_names_holds_neither(made, tmp_path):
    found = written(made, tmp_path, has_images=False, has_names=False)
    assert {file.name for file in found} > {
        "index.html",
        "summary.md",
        "results.json",
        "image_scores.csv",
    }
    for file, text in found.items():
        assert "data:image" not in text, file
        assert not names().findall(re.sub(r"<script>.*?</script>", "", text, flags=re.S)), file


@pytest.mark.slow
def test_without_images_alone_names_stay(made, tmp_path):
    found = written(made, tmp_path, has_images=False)
    assert not any("data:image" in text for text in found.values())
    assert any(SECRET in text for text in found.values())


@pytest.mark.parametrize("given", [["--without-names"], ["--out", "new"]])
def test_a_shareable_report_needs_a_folder_of_its_own(given):
    done = CliRunner().invoke(cli.app, ["report", *given])
    assert isinstance(done.exception, ParamsError)


def test_no_cell_of_a_table_is_run_by_a_spreadsheet(tmp_path):
    texts = [
        "=1+1",
        "+a",
        "-a",
        "@a",
        "\t=a",
        "\r=a",
        "\n=a",
        "x\r=a",
        "＝1+1",
        "＋1",
        "－1",
        "＠a",
    ]
    texts += [" =1", "\u00a0=1", "\ufeff=1", "\u200b\u3000＝1"]
    rows = [{"label": text, "n": -0.5} for text in [*texts, "plain"]]
    csv_files.write(rows, tmp_path / "t.csv", ["label", "n"])
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as stream:
        cells = list(csv.reader(stream))[1:]
    safe = [text if text == "x\r=a" else f"'{text}" for text in texts]
    assert [first for first, _ in cells] == [*safe, "plain"]
    assert {last for _, last in cells} == {"-0.5"}
