"""What a trained network of `benchmarks.mitigations` has memorized, and what it is good for."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from dejavu.corpora.image_reader import ImageReader
from dejavu.image import arrays
from dejavu.models import encoders
from dejavu.models.clip import load
from dejavu.params import section
from dejavu.params.caption import TrainedClipParams
from dejavu.params.machine import MachineParams
from dejavu.roles import CONTROL, PUBLIC, TARGET
from dejavu.tables import by_sample
from dejavu.tables.schemas import EMBEDDINGS, PREDICTIONS, SAMPLES

K = 20  # public images that vote on a whole control image, by cosine
FOUND = 10  # images among which a control caption's own one is looked for
LAYERS = {"vicreg": "projector", "vicreg_backbone": "backbone"}
_AT_ONCE = 512


def rows(lane: str, work: Path) -> Iterator[dict[str, Any]]:
    """Yield a row per layer of a finished run: excess, utility, and how planted samples stand out."""
    text = (work / "reports/results.json").read_text(encoding="utf-8")
    results = json.loads(text)["calibrated"][lane]
    if lane == "caption":
        yield _excess(results["clip"]) | {"layer": "", "utility": round(recall(work), 4)}
        return
    accuracies = accuracy(work)
    for name, layer in LAYERS.items():
        yield {
            **_excess(results[name]),
            **planted_gaps(work, layer),
            "layer": layer,
            "utility": round(accuracies[layer], 4),
        }


def _excess(found: dict[str, Any]) -> dict[str, Any]:
    """Return the adjusted excess in points, its word, and the AUROC of planted samples."""
    adjusted, listing = found["adjusted"], found["list"] or {}
    low, high = adjusted["ci95"]
    auroc_low, auroc_high = listing.get("planted_auroc_ci95") or ("", "")
    return {
        "n_target": adjusted["n_target"],
        "n_control": adjusted["n_control"],
        "excess": round(100 * adjusted["value"], 2),
        "low": round(100 * low, 2),
        "high": round(100 * high, 2),
        "verdict": (found.get("verdict") or {}).get("word", ""),
        "planted_auroc": listing.get("planted_auroc", ""),
        "planted_auroc_low": auroc_low,
        "planted_auroc_high": auroc_high,
    }


def accuracy(work: Path) -> dict[str, float]:
    """Return, by layer, the share of whole control images whose label the public vote names."""
    lane = work / "data/image"
    encoder = encoders.load(lane / "encoders/vicreg")
    known = {role: _samples(lane, role) for role in (CONTROL, PUBLIC)}
    with ImageReader.open(lane / "images", str(work)) as reader, torch.inference_mode():
        uris = known[CONTROL]["uri"].to_pylist()
        seen = [
            encoder.embed(encoder.preprocessing.load(reader, uris[start : start + _AT_ONCE], None))
            for start in range(0, len(uris), _AT_ONCE)
        ]
    truth = {role: table["label_id"].to_numpy() for role, table in known.items()}
    found = {}
    for layer in LAYERS.values():
        place = lane / f"embeddings/model=vicreg/layer={layer}/view=public_image"
        bank = _vectors(place, known[PUBLIC]["sample_id"].to_numpy())
        queries = np.concatenate([part[layer] for part in seen])
        vote = arrays.vote(queries, bank, truth[PUBLIC], truth[CONTROL], K, "cosine")
        found[layer] = float(np.mean(vote.winner == truth[CONTROL]))
    return found


def recall(work: Path) -> float:
    """Return the share of control captions that find their own image among the first ten control images."""
    lane, params = work / "data/caption", work / "params.yaml"
    entry = section(params, "caption.models.clip", TrainedClipParams)
    model = load.load(lane / "models/clip", entry, section(params, "machine", MachineParams))
    known = _samples(lane, CONTROL)
    assert model.embed_images is not None
    with ImageReader.open(lane / "images", str(work)) as reader:
        uris = known["uri"].to_pylist()
        images = np.concatenate(
            [
                model.embed_images([reader.read(uri) for uri in uris[start : start + _AT_ONCE]])
                for start in range(0, len(uris), _AT_ONCE)
            ]
        )
    place = lane / "embeddings/model=clip/view=caption"
    return recall_at(FOUND, _vectors(place, known["sample_id"].to_numpy()), images)


def recall_at(k: int, captions: np.ndarray, images: np.ndarray) -> float:
    """Return the share of captions whose own image, that of the same row, is among the `k` most similar.

    >>> recall_at(1, np.eye(3), np.eye(3)[[0, 2, 1]])
    0.3333333333333333
    """
    similarities = captions.astype(np.float64) @ images.astype(np.float64).T
    ranks = (similarities > similarities.diagonal()[:, None]).sum(axis=1)
    return float(np.mean(ranks < k))


def planted_gaps(work: Path, layer: str) -> dict[str, float]:
    """Return right guesses on target minus control, in points, of planted samples and of the others."""
    lane = work / "data/image"
    guesses = PREDICTIONS.read(lane / f"predictions/knn/model=vicreg/layer={layer}/metric=cosine")
    is_planted = np.isin(guesses["sample_id"].to_numpy(), _planted(lane))
    role = guesses["role"].to_numpy(zero_copy_only=False)
    is_right = guesses["is_correct"].to_numpy(zero_copy_only=False).astype(bool)

    def gap(which: np.ndarray) -> float:
        target, control = (is_right[which & (role == each)] for each in (TARGET, CONTROL))
        return round(100 * float(target.mean() - control.mean()), 2)

    return {"planted_gap": gap(is_planted), "other_gap": gap(~is_planted)}


def _planted(lane: Path) -> np.ndarray:
    rows = SAMPLES.read(lane / "samples.parquet", columns=["sample_id", "truth"])
    is_planted = pc.struct_field(rows["truth"], "is_planted").fill_null(False)
    return rows.filter(is_planted)["sample_id"].to_numpy()


def _samples(lane: Path, role: str) -> pa.Table:
    """Return the samples of a role, by ascending id."""
    ids = by_sample.ids_of_roles(lane / "splits.parquet", role)
    return by_sample.require(lane / "samples.parquet", ids, ["uri", "label_id"])


def _vectors(place: Path, ids: np.ndarray) -> np.ndarray:
    """Return the vectors of ascending ids."""
    rows = EMBEDDINGS.read(place)
    found, exists = by_sample.positions(rows["sample_id"].to_numpy(), ids)
    assert exists.all()
    flat = rows["embedding"].combine_chunks().flatten().to_numpy()
    return flat.reshape(len(rows), -1)[found]
