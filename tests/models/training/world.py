"""A few tiny images on disk, as the stages before the encoder leave them."""

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from pydantic import TypeAdapter

from dejavu.models import encoders
from dejavu.models.encoders.settings import EncoderSettings
from dejavu.models.source import TrainingInputs
from dejavu.params.encoders import ModelParams, RecipeParams
from dejavu.params.machine import MachineParams
from dejavu.run import shards
from dejavu.tables.parquet import fingerprint
from dejavu.tables.schemas import CROPS, LABELS, SAMPLES, SPLITS

SIDE = 16
ROLES = ("target", "reference", "public", "control")
MACHINE = MachineParams(
    device="cpu", engine="local", workers=1, batch_images=7, block_rows=5, data_root="."
)
RECIPE = {
    "architecture": "conv_small", "width": 4, "projector_dim": 16, "epochs": 12, "batch_size": 8,
    "optimizer": "adamw", "learning_rate": 3e-3, "weight_decay": 1e-4, "warmup_share": 0.2,
    "image_px": 16, "view_px": 8, "min_crop_scale": 0.3, "color_jitter": 0.1, "planted_repeats": 2,
}  # fmt: skip
EXTRA = {
    "vicreg": {"invariance": 25.0, "variance": 25.0, "covariance": 1.0},
    "barlow_twins": {"redundancy": 5e-3},
    "simclr": {"temperature": 0.2},
    "dino": {
        "n_prototypes": 32, "teacher_momentum": 0.9, "teacher_temperature": 0.04,
        "student_temperature": 0.1, "n_local_views": 1, "local_view_px": 8, "global_scale": 0.5,
    },
}  # fmt: skip


def recipe(method="vicreg", **changes):
    settings = {"method": method, **RECIPE, **EXTRA[method], **changes}
    return TypeAdapter(RecipeParams).validate_python(settings)


def trained_model(**changes):
    settings = {
        "source": "trained", "recipe": "r", "trained_on": "target", "second_model": None,
        "layers": ["projector", "backbone"],
    }  # fmt: skip
    return TypeAdapter(ModelParams).validate_python({**settings, **changes})


class World:
    """Tables and images under one folder: `n` samples per role, two labels told by color."""

    def __init__(self, root, n=24, seed=0):
        self._name_files(root)
        rng = np.random.default_rng(seed)
        total = n * len(ROLES)
        ids = np.arange(total) * 3 + 1
        labels = rng.integers(2, size=total)
        self.arrays = {
            int(i): self._image(rng, label) for i, label in zip(ids, labels, strict=True)
        }
        self._write_images(ids)
        self._write_samples(ids, labels)
        LABELS.write(
            pa.table({"label_id": [0, 1], "label": ["red", "blue"]}, schema=LABELS.schema),
            self.labels, inputs={},
        )  # fmt: skip
        roles = np.array(ROLES)[np.arange(total) % len(ROLES)]
        SPLITS.write(
            pa.table(
                {"sample_id": ids, "role": roles, "group_id": ids, "reason": [None] * total},
                schema=SPLITS.schema,
            ),
            self.splits, inputs={"samples": fingerprint(self.samples)},
        )  # fmt: skip
        self._write_crops(ids, roles)

    @classmethod
    def opened(cls, root):
        """Return the world that another process has written, without its arrays."""
        world = cls.__new__(cls)
        world._name_files(root)
        return world

    def _name_files(self, root):
        self.samples, self.splits = root / "samples.parquet", root / "splits.parquet"
        self.crops, self.labels = root / "crops.parquet", root / "labels.parquet"
        self.images = root / "images"

    @staticmethod
    def _image(rng, label):
        y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE  # each image has its own waves in each channel
        waves, phases = rng.uniform(-3, 3, (2, 3, 1, 1)), rng.uniform(0, 6, (3, 1, 1))
        image = 60 + 55 * np.sin(6 * (waves[0] * x + waves[1] * y) + phases)
        image[0 if label == 0 else 2, 4:12, 6:] += 140
        return np.clip(image, 0, 255).astype(np.uint8).transpose(1, 2, 0)

    def _write_images(self, ids):
        self.images.mkdir(parents=True)
        (self.images / "source.json").write_text(json.dumps({"kind": "embedded"}))
        encoded = []
        for i in ids:
            stream = io.BytesIO()
            Image.fromarray(self.arrays[int(i)]).save(stream, format="PNG")
            encoded.append(stream.getvalue())
        pq.write_table(pa.table({"image": encoded}), self.images / "part-00000.parquet")

    def _write_samples(self, ids, labels):
        n = len(ids)
        truth = [
            {"scene": "s", "attributes": [], "is_planted": bool(i % 4 == 0), "probabilities": [1.0]}
            for i in range(n)
        ]
        rows = {
            "sample_id": ids, "sample_name": [f"s{i}" for i in ids],
            "uri": [f"part-00000.parquet#{row}" for row in range(n)], "n_bytes": [1] * n,
            "width_px": [SIDE] * n, "height_px": [SIDE] * n, "label_id": labels.astype(np.int32),
            "caption": [None] * n, "boxes": [[]] * n, "truth": truth, "content_hash": [None] * n,
            "perceptual_hash": [None] * n, "problem": [None] * n,
        }  # fmt: skip
        SAMPLES.write(pa.table(rows, schema=SAMPLES.schema), self.samples, inputs={})

    def _write_crops(self, ids, roles):
        chosen = roles != "public"
        ids, roles = ids[chosen], roles[chosen]
        kept = np.arange(len(ids)) % 5 != 4
        box = {"x0": 0, "y0": 2, "x1": 6, "y1": 14}
        rows = {
            "sample_id": ids, "role": roles, "is_kept": kept,
            "drop_reason": [None if k else "too_small" for k in kept],
            **{name: [value if k else None for k in kept] for name, value in box.items()},
        }  # fmt: skip
        CROPS.write(
            pa.table(rows, schema=CROPS.schema), self.crops,
            inputs={"samples": fingerprint(self.samples), "split": fingerprint(self.splits)},
        )  # fmt: skip

    def asked(self, model="m", seed=0, **changes):
        entry = {"entry": trained_model(), "recipe": recipe(), **changes}
        return {
            "settings": EncoderSettings(model=model, seed=seed, machine=MACHINE, **entry),
            "inputs": self.training_inputs(),
        }

    def training_inputs(self):
        return TrainingInputs(samples=self.samples, images=self.images, splits=self.splits)


def trained_world(root):
    """Return a tiny world and the folder of a network trained on it for a moment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "WORK", root / ".work")
        patch.setattr("os.cpu_count", lambda: 1)
        world = World(root / "data")
        encoders.make(**world.asked(recipe=recipe(epochs=3)), out=root / "encoder")
    return world, root / "encoder"
