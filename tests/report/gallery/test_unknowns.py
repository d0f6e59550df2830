"""Galleries of tables made elsewhere: objects without boxes, guesses without an entropy."""

import pyarrow as pa
import pytest

from dejavu.image import score
from dejavu.report.from_params import Settings
from dejavu.report.make import make
from dejavu.tables import parquet, schemas
from tests.report.gallery import world
from tests.report.world import comparisons


def rewritten(table, path, change):
    """Change the columns of a table on disk: {name: values}; what it was made from stays."""
    rows = table.read(path)
    for name, values in change(rows).items():
        place = rows.schema.get_field_index(name)
        rows = rows.set_column(
            place, rows.schema.field(name), pa.array(values, rows.schema.field(name).type)
        )
    table.write(rows, path, inputs=parquet.inputs_of(path))


def page_of(made, out):
    make(settings=Settings(image=made.image, captions=made.captions), inputs=made.data, out=out)
    return (out / "index.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_objects_without_boxes_are_named_and_not_drawn(tmp_path):
    made = world.write(tmp_path / "w", lanes=("caption",))
    detection = {"object_id": 0, "score": 0.9} | dict.fromkeys(
        ("x0", "y0", "x1", "y1", "mask_area_px")
    )
    rewritten(
        schemas.OBJECTS, tmp_path / "w" / "caption" / "objects" / "part-00000.parquet",
        lambda rows: {"detections": [[detection]] * len(rows)},
    )  # fmt: skip
    assert "shows" in page_of(made, tmp_path / "r")


@pytest.mark.parametrize("who", ["knn", "classifiers"])
@pytest.mark.slow
def test_an_entropy_that_nobody_knows_is_said_to_be_unknown(tmp_path, who):
    made = world.write(tmp_path / "w", lanes=("image",))
    for path in sorted((tmp_path / "w" / "image" / "predictions" / who).rglob("*.parquet")):
        rewritten(
            schemas.PREDICTIONS, path,
            lambda rows: dict.fromkeys(("entropy", "confidence"), [None] * len(rows)),
        )  # fmt: skip
    folder = tmp_path / "w" / "image"
    score.score(
        settings=comparisons(made.image),
        inputs=folder / "predictions",
        out=folder / "scores.parquet",
    )
    text = page_of(made, tmp_path / "r")
    assert ("entropy not known" in text) == (who == "knn")  # of the cards that need no script
    assert "entropy nan" not in text.lower()
