"""The dry run tells a control set of another source from one that is like target."""

import io

import numpy as np
import pytest
from PIL import Image

from dejavu.check import check
from tests.check.test_check import content, failures  # noqa: F401  # a fixture
from tests.corpora import image_files
from tests.corpora.image_files import photo

N = 4 * 100


def corpus(content, folder, control):  # noqa: F811  # the fixture's value
    """Write 400 photos of two classes, a hundred per role; `control` gives size and class of its own."""
    lines = ["sample_name,role"]
    rng = np.random.default_rng(0)
    for i in range(N):
        role = ("target", "control", "public", "reference")[i % 4]
        side, label = int(rng.integers(48, 64)), "ab"[int(rng.integers(2))]
        if role == "control":
            side, label = control(side, label)
        path = folder / f"photos/{label}/many-{i}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photo(i, size=(side, side)))
        lines.append(f"{label}/many-{i}.jpg,{role}")
    (folder / "roles.csv").write_text("\n".join(lines) + "\n")
    image = content["image"]
    image["corpus"]["boxes"] = None
    image["crop"] |= {"rule": "corner", "corner_fraction": 0.6, "min_side_px": 10}
    image["split"]["roles_from"] = {"source": "table", "path": "roles.csv"}
    return content


@pytest.mark.parametrize(
    "control",
    [
        lambda side, label: (side + 9, label),  # larger images, larger files
        lambda side, _: (side, "c"),  # a class that target has not
    ],
    ids=["source", "classes"],
)
@pytest.mark.slow
def test_a_control_set_of_another_kind_is_wrong_before_the_run(content, tmp_path, control):  # noqa: F811  # the fixture
    status, detail = failures(corpus(content, tmp_path, control), tmp_path)["control"]
    assert status == "wrong"
    assert "target and control can be told apart without the model" in detail
    assert "every verdict read 'control differs'" in detail


@pytest.mark.slow
def test_a_control_set_of_other_colors_is_wrong_before_the_run(content, tmp_path, monkeypatch):  # noqa: F811
    """Same sizes, same classes, other light: only the mean color tells."""
    place = iter(range(10**6))

    def tinted(seed, size):
        shift = 60 if next(place) % 4 == 1 else 0
        image = (
            Image.open(io.BytesIO(image_files.photo(seed, size=size)))
            .convert("RGB")
            .point(lambda v: v // 2 + shift)
        )
        buffer = io.BytesIO()
        image.save(buffer, "BMP")  # every image of a size has as many bytes
        return buffer.getvalue()

    monkeypatch.setattr("tests.check.test_control.photo", tinted)
    made = corpus(content, tmp_path, lambda side, label: (side, label))
    status, detail = failures(made, tmp_path)["control"]
    assert status == "wrong"
    assert "target and control can be told apart without the model" in detail


@pytest.mark.slow
def test_one_of_the_same_source_is_fine(content, tmp_path):  # noqa: F811  # the fixture
    failures(corpus(content, tmp_path, lambda side, label: (side, label)), tmp_path)
    found = next(f for f in check(tmp_path / "params.yaml") if f.what == "control")
    assert found.status == "ok", found.detail
    assert found.detail.startswith("100 target and 100 control samples cannot be told apart")


@pytest.mark.slow
def test_too_few_given_roles_are_left_to_the_run(content, tmp_path):  # noqa: F811  # the fixture
    content["image"]["split"]["roles_from"] = {"source": "folders", "folders": {"a": "control"}}
    failures(content, tmp_path)
    found = next(f for f in check(tmp_path / "params.yaml") if f.what == "control")
    assert (found.status, found.detail.startswith("fewer than 50")) == ("untried", True)
