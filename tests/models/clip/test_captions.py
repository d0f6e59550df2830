"""More than one caption per training image: read from a table, drawn anew in every epoch."""

import numpy as np
import pyarrow as pa
import pytest
from safetensors.torch import load_file

from dejavu.errors import DataError, ParamsError
from dejavu.models.clip import captions
from dejavu.params import section
from dejavu.params.caption import CaptionModels
from tests.models.clip.test_clip import CLIP, lane_at, make_clip, recipe

SAMPLES = pa.table({"sample_id": [3, 5, 9], "sample_name": ["a", "b", "c"]})
OWN = ["own a", "own b", "own c"]


def written(folder, text):
    path = folder / "further.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_caption_of_a_sample_is_drawn_equally_often_and_none_of_another(tmp_path):
    path = written(tmp_path, "sample_name,caption\nc,c1\na,a1\nz,other\nc,c2\n")
    found = captions.read(path, SAMPLES, OWN, model="clip")
    rows = np.repeat([2, 1, 0], 3_000)
    read = np.array(found.of_epoch(rows, seed=1)[:])
    counts = [
        dict(zip(*np.unique(read[rows == row], return_counts=True), strict=True))
        for row in range(3)
    ]
    assert [set(each) for each in counts] == [{"own a", "a1"}, {"own b"}, {"own c", "c1", "c2"}]
    assert all(abs(n - 1_500) < 120 for n in counts[0].values())  # four standard errors
    assert all(abs(n - 1_000) < 105 for n in counts[2].values())


def test_a_draw_depends_on_the_epoch_alone(tmp_path):
    path = written(tmp_path, "sample_id,caption\n3,a1\n3,a2\n9,c1\n")
    found = captions.read(path, SAMPLES, OWN, model="clip")
    rows = np.tile([0, 1, 2], 20)
    once, again, other = (found.of_epoch(rows, seed=seed)[:] for seed in (1, 1, 2))
    assert once == again != other


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sample_name,caption\nx,hello\n", r"none of its 1 rows is about .*'x'.*'a', 'b', 'c'"),
        ("sample_name,caption\na,hello\nb, \n", r"1 of 2 captions are empty, the first in row 2"),
        ("sample_name,text\na,hello\n", r"caption"),
        ("caption\nhello\n", r"no column sample_name or sample_id"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, text, said):
    with pytest.raises(DataError, match=said):
        captions.read(written(tmp_path, text), SAMPLES, OWN, model="clip")


def test_training_reads_them_and_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lane = lane_at(tmp_path)
    rows = [f"n{i},another red wall {i}\n" for i in range(8)]
    written(lane, "".join(["sample_name,caption\n", *rows]))
    how = recipe(epochs=2)
    plain = make_clip(lane, how=how, out="plain")
    entry = CLIP.model_copy(update={"further_captions": "further.csv"})
    facts = make_clip(lane, entry, how, out="further")
    assert plain["further_captions"] is None
    assert facts["further_captions"] == "further.csv"
    assert len(facts["inputs"]["further_captions"]) == 64
    one, two = (load_file(lane / out / "weights.safetensors") for out in ("plain", "further"))
    assert any((one[name] != two[name]).any() for name in one)


PAIR = """\
caption:
  models:
    clip: {source: trained, recipe: clip, trained_on: target, second_model: second, modes: [t2i]}
    second: {source: trained, recipe: clip, trained_on: reference, second_model: null, modes: [t2i]}
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("second_model: second", "second_model: sceond", "'sceond' is not among the models"),
        (
            "second: {source: trained, recipe: clip",
            "second: {source: trained, recipe: other",
            "recipe 'other', expected 'clip'",
        ),
        ("trained_on: reference", "trained_on: target", "'target', expected target and reference"),
        (
            "modes: [t2i]}\n    second",
            "modes: [t2i], further_captions: more.csv}\n    second",
            "further_captions None, expected 'more.csv'",
        ),
    ],
    ids=["unknown", "another recipe", "the same role", "fewer captions"],
)  # fmt: skip
def test_a_pair_that_was_not_trained_alike_is_refused(tmp_path, old, new, said):
    path = tmp_path / "params.yaml"
    path.write_text(PAIR, encoding="utf-8")
    assert set(section(path, "caption.models", CaptionModels)) == {"clip", "second"}
    path.write_text(PAIR.replace(old, new), encoding="utf-8")
    with pytest.raises(ParamsError, match=said):
        section(path, "caption.models", CaptionModels)
