"""How long `dejavu check` takes on a folder of many small images, in both lanes, with all that people bring.

    python -m benchmarks.check_scale make 100000 FOLDER   # a minute or two
    (cd FOLDER && python -m benchmarks.check_scale time)  # with PYTHONPATH at the checkout
    (cd FOLDER && python -m benchmarks.check_scale time 8)  # beside eight busy processes

The images have 64 x 64 pixels and lie in 100 folders. Beside them stand boxes, roles, tags, guesses, objects,
captions and vectors of every sample, made elsewhere. What is printed is what the check finds, its wall time,
processor time and peak memory.
"""

import multiprocessing
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from ruamel.yaml import YAML

from tests.corpora.image_files import photo

ROOT = Path(__file__).parents[1]
SIDE, N_LABELS, DIM, CROP = 64, 100, 64, (0, 35, 19, 64)
ROLES = ("target", "control", "reference", *["public"] * 7)


def make(n: int, folder: Path) -> None:
    """Write the images, the tables beside them, and a params.yaml that names them."""
    names = [f"{i % N_LABELS:03d}/{i:06d}.jpg" for i in range(n)]
    for label in range(N_LABELS):
        (folder / f"photos/{label:03d}").mkdir(parents=True)
    for i, name in enumerate(names):
        (folder / "photos" / name).write_bytes(photo(i, size=(SIDE, SIDE)))
    corner = np.random.default_rng(0).integers(1, 25, (n, 2))
    sides = np.random.default_rng(1).integers(20, 39, (n, 2))
    corners = np.concatenate([corner, corner + sides], axis=1)
    roles = [ROLES[i // N_LABELS % len(ROLES)] for i in range(n)]
    objects = [f"object{i % 7}" for i in range(n)]
    tables = {
        "boxes": {"path": names, **dict(zip(("x0", "y0", "x1", "y1"), corners.T, strict=True))},
        "roles": {"sample_name": names, "role": roles},
        "tags": {"sample_name": names, "tag": objects, "score": np.full(n, 0.9)},
        "objects": {"sample_name": names, "object": objects, "score": np.full(n, 0.9)},
        "guesses": {"sample_name": names, "predicted": [name[:3] for name in names]},
        "captions": {"path": names, "caption": [f"scene {i} of kind {i % 9}" for i in range(n)]},
    }
    for name, columns in tables.items():
        place = folder / ("photos" if name in ("boxes", "captions") else "") / f"{name}.parquet"
        pq.write_table(pa.table(columns), place)
    vectors = np.random.default_rng(2).standard_normal((n, DIM)).astype(np.float32)
    for view in (
        "vectors/backbone/public_image",
        "vectors/backbone/crop",
        "clip/public_image",
        "clip/caption",
    ):
        place = folder / f"{view}.npy"
        place.parent.mkdir(parents=True, exist_ok=True)
        np.save(place, vectors)
        place.with_suffix(".txt").write_text("\n".join(names) + "\n")
    with (folder / "params.yaml").open("w", encoding="utf-8") as stream:
        YAML().dump(settings(), stream)


def settings() -> dict:
    """Return the parameters of both lanes: images of one folder, and all else made elsewhere."""
    values = YAML().load((ROOT / "presets" / "no-model-at-hand.yaml").read_text(encoding="utf-8"))
    image, caption = values["image"], values["caption"]
    roles = {"source": "table", "path": "roles.parquet"}
    given = {
        "source": "embeddings",
        "recipe": "released",
        "trained_on": "target",
        "second_model": None,
    }
    image["corpus"] = {
        "adapter": "image_folder", "root": "photos", "use": None, "boxes": "boxes.parquet",
        "max_dropped_share": 0.01,
    }  # fmt: skip
    image["split"] |= {"roles_from": roles, "near_duplicate_bits": 3}
    image["crop"] |= {"rule": "largest", "min_side_px": 10}
    image["models"] = {"vectors": {**given, "layers": ["backbone"], "path": "vectors"}}
    image["annotators"]["tags"]["path"] = "tags.parquet"
    image["predictions"] = {"guesses": {"path": "guesses.parquet"}}
    image["score"]["references"] = ["naive_bayes", "predictions"]
    caption["corpus"] = {
        "adapter": "captions_table", "root": "photos", "table": "captions.parquet",
        "path_column": "path", "caption_column": "caption", "max_dropped_share": 0.01,
    }  # fmt: skip
    caption["split"] |= {"roles_from": roles, "near_duplicate_bits": 3}
    caption["objects"] = {
        "source": "table", "path": "objects.parquet", "min_score": 0.3, "allow_missing": False,
    }  # fmt: skip
    caption["models"] = {
        "clip": {**given, "is_text_model": False, "modes": ["t2i"], "path": "clip"}
    }
    values["report"]["headline"] = {
        "image": {"target": "vectors", "reference": "guesses"},
        "caption": {"target": "clip", "mode": "t2i", "k": 10, "top": "all"},
    }
    return values


def _busy() -> None:
    while True:
        pass


def measure(n_busy: int) -> None:
    """Run the check of the project in this folder, beside `n_busy` busy processes."""
    others = [multiprocessing.Process(target=_busy, daemon=True) for _ in range(n_busy)]
    for other in others:
        other.start()
    started = time.monotonic()
    done = subprocess.run(  # a fixed command
        [sys.executable, "-m", "dejavu.cli", "check"], env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    wall, used = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    for other in others:
        other.terminate()
        other.join()
    print(
        f"exit {done.returncode}; {wall:.1f} s, {used.ru_utime + used.ru_stime:.1f} s of processors, "
        f"{used.ru_maxrss / 1024:.0f} MiB at most, beside {n_busy} busy processes, "
        f"load {os.getloadavg()[0]:.1f}"
    )


def main() -> None:
    """Make a project, or measure its check."""
    if sys.argv[1:2] == ["make"] and len(sys.argv) == 4:
        make(int(sys.argv[2]), Path(sys.argv[3]))
    elif sys.argv[1:2] == ["time"] and len(sys.argv) <= 3:
        measure(int(sys.argv[2]) if len(sys.argv) == 3 else 0)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
