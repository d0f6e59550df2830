"""Small embedded images, and the tables that list their crops."""

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from tests.image.tables_of import write_world


def write_images(folder, arrays):
    """Write uint8 arrays [height, width, 3] as an embedded corpus does; return the folder."""
    images = folder / "images"
    images.mkdir(parents=True)
    encoded = []
    for array in arrays:
        stream = io.BytesIO()
        Image.fromarray(array).save(stream, format="PNG")
        encoded.append(stream.getvalue())
    pq.write_table(
        pa.table({"image": pa.array(encoded, pa.binary())}), images / "part-00000.parquet"
    )
    (images / "source.json").write_text(json.dumps({"kind": "embedded"}))
    return images


def striped_world(folder, *, n_per_label, seed=0, side=16):
    """Label 0 has upright stripes, label 1 level ones; return the paths of its tables.

    A third of the samples each is reference, target and control.
    """
    rng = np.random.default_rng(seed)
    people, arrays = [], []
    for number in range(2 * n_per_label):
        label = number % 2
        wave = np.sin(np.arange(side) * rng.uniform(1.2, 1.8) + rng.uniform(0, 6))
        stripes = np.broadcast_to(wave if label == 0 else wave[:, None], (side, side))
        gray = 128 + 90 * stripes + rng.normal(0, 4, (side, side))
        arrays.append(np.repeat(np.clip(gray, 0, 255).astype(np.uint8)[..., None], 3, axis=2))
        people.append((("reference", "target", "control")[(number // 2) % 3], label, True))
    paths = write_world(folder, people, n_labels=2, side=side)
    return paths | {"images": write_images(folder, arrays)}
