"""`dejavu.audit`: a model and data sets in, the pipeline's numbers out."""

import json
import shutil
import subprocess
import sys
import types

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from torch import nn
from typer.testing import CliRunner

import dejavu
from dejavu import cli
from dejavu.api.settings import editor
from dejavu.errors import AuditError, DataError, ParamsError, WeightsError
from tests.paths import ROOT
from tests.pipeline.project import Project

pytestmark = pytest.mark.slow  # they share a report, which takes seconds

N, N_LABELS = 120, 6
COLORS = np.random.default_rng(7).integers(40, 215, (N_LABELS, 3))


def dataset(n, seed, *, is_known):
    """Images whose background tells the label, or does not; the object is the box at the bottom."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        label = int(rng.integers(N_LABELS))
        color = COLORS[label] if is_known else COLORS[rng.integers(N_LABELS)]
        pixels = np.clip(color + rng.normal(0, 25, (40, 40, 3)), 0, 255).astype(np.uint8)
        x0, x1 = int(rng.integers(2, 18)), int(rng.integers(28, 40))
        found.append((Image.fromarray(pixels), label, [x0, 26, x1, int(rng.integers(36, 40))]))
    return found


def world(*, is_memorized, n=N, **more):
    return {
        "target": dataset(n, 0, is_known=is_memorized), "control": dataset(n, 1, is_known=False),
        "public": dataset(2 * n, 2, is_known=True), "k": 20, **more,
    }  # fmt: skip


def mean_color(images):
    return np.stack([np.asarray(image, dtype=np.float32).mean(axis=(0, 1)) for image in images])


def transform(image):
    pixels = np.array(image.resize((16, 16)), dtype=np.float32)
    return torch.from_numpy(pixels).permute(2, 0, 1) / 255


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())


@pytest.fixture(scope="module")
def memorizing(tmp_path_factory):
    out = tmp_path_factory.mktemp("audit") / "out"
    return dejavu.audit(mean_color, **world(is_memorized=True), out=out)


def test_planted_memorization_is_found(memorizing):
    assert memorizing.verdict == "memorizes"
    assert memorizing.excess.low > 40
    assert (memorizing.excess.n_target, memorizing.excess.n_control) == (N, N)
    with pytest.raises(AuditError):
        memorizing.check(5)


def test_without_memorization_nothing_is_claimed():
    audit = dejavu.audit(mean_color, **world(is_memorized=False))
    assert audit.verdict in {"too few samples to tell"} or audit.verdict.startswith("at most")
    assert audit.excess.low < 0 < audit.excess.high


def test_samples_are_those_that_were_given_in_their_order(memorizing):
    rows = memorizing.samples.to_pylist()
    given = world(is_memorized=True)
    for role, found in (("target", rows[:N]), ("control", rows[N:])):
        assert [row["role"] for row in found] == [role] * N
        assert [row["row"] for row in found] == list(range(N))
        assert [row["label"] for row in found] == [str(item[1]) for item in given[role]]


def test_a_saved_audit_opens_with_sql(memorizing, tmp_path, monkeypatch):
    memorizing.save(tmp_path / "saved")
    monkeypatch.chdir(tmp_path / "saved")
    asked = "SELECT role, count(*) AS n FROM predictions GROUP BY role ORDER BY role"
    done = CliRunner().invoke(cli.app, ["sql", asked, "--json"])
    assert json.loads(done.stdout) == [{"role": "control", "n": N}, {"role": "target", "n": N}]
    assert json.loads((tmp_path / "saved" / "results.json").read_text())["verdict"] == "memorizes"


def test_the_folder_of_the_caller_stays_clean(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dejavu.audit(mean_color, **world(is_memorized=False, n=40))
    assert list(tmp_path.iterdir()) == []


def test_a_network_is_left_as_it_was_and_its_layers_are_seen():
    model = network().train()
    audit = dejavu.audit(
        model,
        **world(is_memorized=False, n=40),
        transform=transform,
        layers=["3", "0"],
        device="cpu",
    )
    assert model.training
    assert not model[0]._forward_hooks
    assert set(audit.scores["excess_points_by_layer"]) == {"model", "model_layer_0"}


def test_every_known_form_of_a_data_set_gives_the_same_numbers(tmp_path):
    given = world(is_memorized=True, n=40)
    names = [f"class {i}" for i in range(N_LABELS)]

    class Hub(list):
        """What a data set of Hugging Face states of its labels."""

        def __init__(self, items):
            super().__init__(items)
            self.features = {"label": types.SimpleNamespace(names=names)}

    def as_dicts(items):
        return Hub(
            {"img": np.asarray(image), "label": label, "box": [box]} for image, label, box in items
        )

    def as_tensors(items):
        return [
            {
                "image": torch.from_numpy(np.array(image)).permute(2, 0, 1),
                "label": names[label],
                "boxes": box,
            }
            for image, label, box in items
        ]

    roles = ("target", "control", "public")
    first, second = (
        dejavu.audit(mean_color, **given | {role: form(given[role]) for role in roles})
        for form in (as_dicts, as_tensors)
    )
    assert first.excess == second.excess
    assert first.samples.equals(second.samples)
    assert first.samples["label"][0].as_py() == names[given["target"][0][1]]


def test_paths_are_data_sets_their_folders_labels(tmp_path):
    given = world(is_memorized=True, n=40)
    for role in ("target", "control", "public"):
        paths = []
        for row, (image, label, _) in enumerate(given[role]):
            path = tmp_path / role / f"class {label}" / f"{row}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            image.resize((80, 80)).save(path)
            paths.append(path if row % 2 else str(path))
        given[role] = paths
    audit = dejavu.audit(mean_color, **given)
    assert set(audit.samples["label"].to_pylist()) == {f"class {i}" for i in range(N_LABELS)}


def test_a_limit_draws_the_same_samples_again():
    given = world(is_memorized=True, n=40)
    first, second = (dejavu.audit(mean_color, **given, limit=30) for _ in range(2))
    assert first.excess.n_target == 30
    assert first.samples.equals(second.samples)


@pytest.mark.parametrize(
    ("changes", "error", "told"),
    [
        ({"target": []}, DataError, "target: the data set is empty"),
        ({"control": None}, DataError, "control: is None"),
        ({"public": iter([])}, DataError, "public: expected a data set with a length"),
        ({"public": {("a.png", 1)}}, DataError, "public: .*found set. Give the data set itself"),
        ({"target": torch.utils.data.DataLoader([0] * 9)}, DataError, "found DataLoader.*loader.dataset"),
        ({"target": [(np.zeros((4, 4, 3)), 1)] * 40}, DataError, r"target\[0\]: .*8-bit pixels.*float64"),
        ({"target": [(np.zeros((4, 4, 3), np.uint8), 1.5)] * 40}, DataError, r"target\[0\]: a label is"),
        ({"target": [(np.zeros((4, 4, 3), np.uint8), 1, [1, 2])] * 40}, DataError, "a box is x0, y0"),
        ({"target": [5] * 40}, DataError, r"target\[0\]: expected \(image, label\)"),
        ({"target": ["nowhere/cat/1.png"] * 40}, DataError, "no such file"),
        ({"references": ["oracle"]}, ParamsError, "references: no 'oracle'"),
        ({"references": ["classifier"]}, ParamsError, "give a data set as `reference`"),
        ({"layers": ["projektor"]}, ParamsError, "no output or module 'projektor'"),
        ({"limit": 0}, ParamsError, "at least 1"),
        ({"k": 500}, ParamsError, "k=500"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(changes, error, told):
    with pytest.raises(error, match=told):
        dejavu.audit(mean_color, **world(is_memorized=False, n=40) | changes)


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (lambda images: np.full((len(images), 3), np.nan), "NaN or infinity"),
        (lambda images: np.zeros(len(images)), "expected one vector per image"),
        (
            lambda images: (mean_color(images), images),
            r"found a tuple of 2\. .*model\(batch\)\[0\]",
        ),
        (lambda images: np.zeros((1, 3)), "1 vectors for"),
    ],
)
def test_what_is_no_vector_is_named(model, told):
    with pytest.raises(WeightsError, match=told):
        dejavu.audit(model, **world(is_memorized=False, n=40))


def test_a_network_needs_a_transform():
    with pytest.raises(ParamsError, match="transform=None"):
        dejavu.audit(network(), **world(is_memorized=False, n=40))


def test_a_report_needs_a_reference(memorizing, tmp_path):
    with pytest.raises(AuditError, match="as `reference`"):
        memorizing.report(tmp_path / "reports")


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years")
    with pytest.raises(DataError, match="is not empty"):
        dejavu.audit(mean_color, **world(is_memorized=False, n=40), out=tmp_path)


def test_the_audit_and_dvc_repro_give_equal_numbers(tmp_path):
    audit = dejavu.audit(
        network(), **world(is_memorized=True, n=60), transform=transform, layers=["3", "0"],
        reference=dataset(60, 3, is_known=False), references=["naive_bayes"], out=tmp_path / "out",
        device="cpu",
    )  # fmt: skip
    assert audit.report(tmp_path / "reports").read_text().startswith("<!doctype html>")
    project = Project(tmp_path / "project")
    shutil.copy(tmp_path / "out" / "params.yaml", project.folder / "params.yaml")
    project.dvc("repro")
    assert project.read("reports/results.json") == (tmp_path / "reports/results.json").read_bytes()
    node = json.loads(project.read("reports/results.json"))["calibrated"]["image"]["model"]
    assert audit.excess.value == pytest.approx(100 * node["adjusted"]["value"], abs=1e-4)
    assert audit.verdict == node["verdict"]["text"]
    for name in ("splits", "crops", "scores"):
        ours = pq.read_table(tmp_path / f"out/data/image/{name}.parquet")
        assert ours.equals(pq.read_table(project.folder / f"data/image/{name}.parquet")), name


def test_naming_the_function_loads_no_torch():
    code = "import sys, dejavu; dejavu.audit; sys.exit(any(n in sys.modules for n in ('torch', 'dvc')))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_a_copy_of_params_yaml_keeps_the_quotes_that_dvc_needs(tmp_path):
    """Its parser in C, which comes with ruamel.yaml 0.18, takes no colon within a bare word of {…}."""
    values = editor().load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    with (tmp_path / "params.yaml").open("w", encoding="utf-8") as stream:
        editor().dump(values, stream)
    assert '"packaged:' in (tmp_path / "params.yaml").read_text(encoding="utf-8")


def small(data):
    """Images of 32 pixels without boxes, as those of CIFAR."""
    return [(image.resize((32, 32)), label) for image, label, _ in data]


def test_images_of_32_pixels_without_boxes_are_taken():
    given = {
        name: small(data) if isinstance(data, list) else data
        for name, data in world(is_memorized=True).items()
    }
    audit = dejavu.audit(mean_color, **given)
    assert (audit.excess.n_target, audit.excess.n_control) == (N, N)
    with pytest.raises(
        DataError, match=r"exceeds image.crop.min_side_px = 14.*min_crop_px in Python"
    ):
        dejavu.audit(mean_color, **given, min_crop_px=14)
    with pytest.raises(ParamsError, match="min_crop_px: -1"):
        dejavu.audit(mean_color, **given, min_crop_px=-1)


def test_a_network_that_fails_and_a_transform_that_gives_no_tensor_are_named():
    given = {**world(is_memorized=True), "model": network()}

    def refused(kind, message, **more):
        with pytest.raises(kind, match=message):
            dejavu.audit(**given | more)

    refused(ParamsError, "transform: gives no tensor.*processor", transform=lambda image: image)
    refused(
        ParamsError, "tensors of different shapes",
        transform=lambda image: torch.zeros(3, 8, int(np.asarray(image).mean()) % 7 + 3),
    )  # fmt: skip
    refused(
        WeightsError, "model: fails on a Tensor of torch.float32, shape .64, 3, 16, 16.",
        model=network().half(), transform=transform,
    )  # fmt: skip
