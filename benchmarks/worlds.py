"""Whole projects of made-up samples and vectors, to see how every stage grows.

    python -m benchmarks.worlds make 10000 w10k        # both lanes, 10,000 samples each
    (cd w10k && dvc repro)
    python -m benchmarks.worlds make 100000 w100k
    (cd w100k && dvc repro)
    python -m benchmarks.worlds growth w10k w100k
    python -m benchmarks.worlds captions 1000000 c1m    # an audit of captions alone
    (cd c1m && dvc repro)
    python -m benchmarks.worlds total c1m

A tenth of the samples is target, a tenth reference, a tenth control, the rest public. Vectors are one cluster
per label; nothing is memorized. `growth` reads the logs that the stages left: processor seconds from the
start of each process, peak memory, and the exponent between two
sizes: log((t2 - t0) / (t1 - t0)) / log(n2 / n1).
A process that does nothing takes t0. `total` adds up a run: wall and processor seconds of its stages, the
highest peak, and the disk that the folder takes.
"""

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
DIM = 64
N_LABELS = 100
N_OBJECTS = 1_000
OBJECTS_PER_SAMPLE = 5
ROWS_AT_ONCE = 65_536
START_SECONDS = 0.6  # of processors, to start a stage that does nothing
Shares = dict[str, dict[str, float]]  # by lane and role
SHARES = {"target": 0.1, "reference": 0.1, "public": 0.7, "control": 0.1}


def write(path: Path, parts) -> None:
    """Write tables one after the other into one file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = None
    for part in parts:
        writer = writer or pq.ParquetWriter(path, part.schema)
        writer.write_table(part)
    writer.close()


def spans(n: int):
    """Cut 0 to `n` into pieces; each comes with a generator of its own."""
    for start in range(0, n, ROWS_AT_ONCE):
        yield np.arange(start, min(start + ROWS_AT_ONCE, n)), np.random.default_rng(start)


def names(ids: np.ndarray) -> pa.Array:
    return pa.array([f"s{i:09d}" for i in ids.tolist()])


def labels(ids: np.ndarray) -> np.ndarray:
    """Return the label of each sample: a hash of its number."""
    return (ids * 2654435761 % 2**32) % N_LABELS


def image_samples(n: int):
    for ids, rng in spans(n):
        corner = rng.integers(1, 200, (len(ids), 2))
        sides = rng.integers(20, 170, (len(ids), 2))
        yield pa.table(
            {
                "sample_name": names(ids),
                "label": [f"label{i:03d}" for i in labels(ids).tolist()],
                "width_px": np.full(len(ids), 500), "height_px": np.full(len(ids), 375),
                "x0": corner[:, 0], "y0": corner[:, 1],
                "x1": corner[:, 0] + sides[:, 0], "y1": corner[:, 1] + sides[:, 1],
            }
        )  # fmt: skip


def caption_samples(n: int):
    for ids, _ in spans(n):
        texts = [
            f"a scene with number {i} of kind {k}" for i, k in zip(ids, labels(ids), strict=True)
        ]
        yield pa.table({"sample_name": names(ids), "caption": texts})


def objects(n: int):
    """Objects of an image: some of its kind, some by chance; each once."""
    width = N_OBJECTS // OBJECTS_PER_SAMPLE
    for ids, rng in spans(n):
        drawn = rng.integers(0, width, (len(ids), OBJECTS_PER_SAMPLE))
        usual = (labels(ids)[:, None] + np.arange(OBJECTS_PER_SAMPLE)) % width
        chosen = np.where(rng.random(drawn.shape) < 0.5, usual, drawn)
        numbers = (chosen + np.arange(OBJECTS_PER_SAMPLE) * width).ravel()
        yield pa.table(
            {
                "sample_name": names(np.repeat(ids, OBJECTS_PER_SAMPLE)),
                "object": [f"object{i:04d}" for i in numbers.tolist()],
                "score": np.full(len(numbers), 0.9, np.float32),
            }
        )  # fmt: skip


def vectors(n: int, seed: int, dim: int = DIM):
    centers = np.random.default_rng(0).standard_normal((N_LABELS, dim))
    for ids, _ in spans(n):
        rng = np.random.default_rng([seed, int(ids[0])])
        rows = (centers[labels(ids)] + 2 * rng.standard_normal((len(ids), dim))).astype(np.float32)
        lists = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), dim)
        yield pa.table({"sample_name": names(ids), "embedding": lists})


def of_images(values: dict, n_images: int, shares: dict[str, float]) -> None:
    """Fill in the image lane."""
    image = values["image"]
    image["corpus"]["path"], image["split"]["shares"] = "images.parquet", dict(shares)
    image["annotators"] = {
        "tags": {
            "source": "table", "path": "tags.parquet", "min_score": 0.0, "max_tags": 20,
            "allow_missing": False,
        }
    }  # fmt: skip
    image["predictions"], image["score"]["references"] = {}, ["second_model", "naive_bayes"]
    image["neighbors"]["k"] = min(100, n_images // 20)
    values["report"]["covariates"] = ["naive_bayes@5"]


def settings(n_images: int, n_captions: int, shares: Shares) -> dict:
    """Return the parameters of both lanes, from the preset for vectors made elsewhere."""
    values = YAML().load((ROOT / "presets" / "no-model-at-hand.yaml").read_text(encoding="utf-8"))
    given = {"source": "embeddings", "recipe": "released"}
    caption = values["caption"]
    if not n_images:
        without = YAML().load((ROOT / "presets" / "coco-clip.yaml").read_text(encoding="utf-8"))
        values["image"] = without["image"]
        values["report"]["headline"]["image"] = without["report"]["headline"]["image"]
        values["report"]["covariates"] = without["report"]["covariates"]
    else:
        of_images(values, n_images, shares["image"])
    caption["corpus"] = {
        "adapter": "samples_table",
        "path": "captions.parquet",
        "max_dropped_share": 0.0,
    }
    caption["split"]["shares"] = dict(shares["caption"])
    caption["objects"] = {
        "source": "table", "path": "objects.parquet", "min_score": 0.3, "allow_missing": False,
    }  # fmt: skip
    clip = {**given, "is_text_model": False, "modes": ["t2i"]}
    caption["models"] = {
        "clip": {**clip, "trained_on": "target", "second_model": "clip_second", "path": "clip"},
        "clip_second": {**clip, "trained_on": "reference", "second_model": None, "path": "clip_second"},
        "text": {
            **given, "is_text_model": True, "trained_on": "elsewhere", "second_model": None,
            "modes": ["t2t"], "path": "text",
        },
    }  # fmt: skip
    values["limits"]["labels_without_bank"] = 1.0  # of few samples some labels have none
    caption["retrieve"]["k"] = min(100, n_captions // 20)
    caption["score"]["k"] = [1, 10, caption["retrieve"]["k"]]
    values["report"]["headline"]["caption"] = {
        "target": "clip",
        "mode": "t2i",
        "k": 10,
        "top": "all",
    }
    return values


def make(
    n: int,
    folder: Path,
    *,
    n_captions: int | None = None,
    shares: Shares | None = None,
    dim: int = DIM,
) -> None:
    """Write a project of `n` samples in each lane, or of `n` images (0: no image lane), for `dvc repro`."""
    n_captions = n if n_captions is None else n_captions
    folder.mkdir(parents=True)
    for name in ("dejavu", "stages"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc.yaml", ".dvcignore"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "data").mkdir()
    if n:
        write(folder / "images.parquet", image_samples(n))
        tags = (part.rename_columns(["sample_name", "tag", "score"]) for part in objects(n))
        write(folder / "tags.parquet", tags)
    write(folder / "captions.parquet", caption_samples(n_captions))
    write(folder / "objects.parquet", objects(n_captions))
    views = {
        "vectors/projector": ("public_image", "crop"), "second/projector": ("public_image", "crop"),
        "clip": ("public_image", "caption"), "clip_second": ("public_image", "caption"),
        "text": ("public_caption", "caption"),
    }  # fmt: skip
    for seed, (model, seen) in enumerate(views.items()):
        for place, view in enumerate(seen):
            n_vectors = n if model.startswith(("vectors", "second")) else n_captions
            if not n_vectors:
                continue
            write(folder / model / f"{view}.parquet", vectors(n_vectors, 10 * seed + place, dim))
    for model in (
        ("vectors", "second") if n else ()
    ):  # the reference role is attacked too, for the crossover
        source = folder / model / "projector"
        shutil.copy(source / "crop.parquet", source / "reference_crop.parquet")
    with (folder / "params.yaml").open("w", encoding="utf-8") as stream:
        YAML().dump(settings(n, n_captions, shares or {"image": SHARES, "caption": SHARES}), stream)
    subprocess.run(
        [sys.executable, "-m", "dvc", "init", "--no-scm", "--quiet"], cwd=folder, check=True
    )


def facts(folder: Path) -> tuple[int, dict[str, dict]]:
    files = (folder / name for name in ("images.parquet", "captions.parquet"))
    n = pq.read_metadata(next(file for file in files if file.is_file())).num_rows
    logs = sorted((folder / "logs").glob("*.json"))
    return n, {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in logs}


def growth(first: Path, second: Path) -> None:
    """Print seconds, peaks and the exponent of every stage that ran at both sizes."""
    (small, before), (large, after) = facts(first), facts(second)
    print(f"| stage | {small:,}: s, MiB | {large:,}: s, MiB | exponent | load |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for stage in sorted(before.keys() & after.keys()):
        one, two = before[stage], after[stage]
        rises = [each["process_cpu_seconds"] - START_SECONDS for each in (one, two)]
        shown = "too short"
        if min(rises) > 0.1:
            shown = f"{math.log(rises[1] / rises[0]) / math.log(large / small):.2f}"
        cells = [f"{each['process_cpu_seconds']:.1f}, {each['peak_mib']}" for each in (one, two)]
        print(f"| {stage} | {' | '.join(cells)} | {shown} | {max(one['load'], two['load']):.0f} |")


def total(folder: Path) -> None:
    """Print what a run took."""
    n, logs = facts(folder)
    seconds, processors = (
        sum(each[name] for each in logs.values())
        for name in ("process_seconds", "process_cpu_seconds")
    )
    peak, stage = max((each["peak_mib"], stage) for stage, each in logs.items())
    size = sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file())
    print(
        f"{n:,} samples: {seconds:,.0f} s in {len(logs)} stages, {processors:,.0f} s of processors; peak "
        f"{peak:,} MiB ({stage}); {size / 1e9:.2f} GB on the disk"
    )


def main() -> None:
    if sys.argv[1:2] == ["make"] and len(sys.argv) == 4:
        make(int(sys.argv[2]), Path(sys.argv[3]))
    elif sys.argv[1:2] == ["captions"] and len(sys.argv) == 4:
        make(0, Path(sys.argv[3]), n_captions=int(sys.argv[2]))
    elif sys.argv[1:2] == ["total"] and len(sys.argv) == 3:
        total(Path(sys.argv[2]))
    elif sys.argv[1:2] == ["growth"] and len(sys.argv) == 4:
        growth(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
