"""Turn images and crops into vectors: one forward pass gives every layer, shard by shard."""

import dataclasses
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from dejavu.corpora.image_reader import ImageReader
from dejavu.errors import DataError, ParamsError, WeightsError, suggestion
from dejavu.models import devices, embedding, encoders, imported_vectors
from dejavu.models import folder as folders
from dejavu.models.encoders import embeddings
from dejavu.models.encoders.encoder import Encoder
from dejavu.params.encoders import ModelParams
from dejavu.params.machine import MachineParams
from dejavu.params.released import EmbeddingsModel
from dejavu.roles import ATTACKED, PUBLIC, REFERENCE, is_paired
from dejavu.run import engines, outside, shards
from dejavu.tables.parquet import fingerprint, inputs_of, require_common_origin
from dejavu.tables.partitions import partition
from dejavu.tables.schemas import CROPS, EMBEDDINGS, SAMPLES, SPLITS
from dejavu.tables.views import CROP, PUBLIC_IMAGE, REFERENCE_CROP

ROWS_PER_PART = 16_384  # fixed, so that no setting of the machine changes the files


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EmbedSettings:
    """Which network embeds, and where."""

    model: str
    entry: ModelParams  # ``image.models.<model>``
    machine: MachineParams

    @property
    def layers(self) -> tuple[str, ...]:
        """Return the layers whose vectors are wanted."""
        return self.entry.layers


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EmbedInputs:
    """What is embedded, and the network."""

    samples: Path
    images: Path
    splits: Path
    crops: Path
    encoder: Path  # the folder that stage ``encoder`` made


def embed(*, settings: EmbedSettings, inputs: EmbedInputs, out: Path) -> None:
    """Write ``layer=<layer>/view=<view>/part-*.parquet`` (table ``embeddings``) for every view.

    The view ``public_image`` holds whole images of the public role, ``crop`` the kept crops of the
    roles target and control; of a pair that is trained here, ``reference_crop`` holds those of the role
    reference. Vectors that were made elsewhere are checked and written alike.

    Raises:
        ParamsError: the network has no such layer.
        ArtifactError: the tables come from different runs.
        DataError: there is nothing to embed, or vectors made elsewhere do not fit these samples.
    """
    stamp = _stamp_of(inputs)
    rows = {PUBLIC_IMAGE: _public_images(inputs), CROP: _crops(inputs, ATTACKED)}
    is_unused = SPLITS.read(inputs.splits, columns=["sample_id"]).num_rows == 0
    for view, wanted in rows.items():
        if len(wanted) == 0 and not is_unused:
            raise DataError(f"{inputs.splits}: view {view!r} has no image to embed.")
    shutil.rmtree(out, ignore_errors=True)
    if is_unused:
        _write_nothing(settings, stamp, out)
    elif isinstance(settings.entry, EmbeddingsModel):
        root = outside.located(settings.machine.data_folder, settings.entry.path)
        _take_over(settings.entry, root, inputs.encoder, rows, stamp, out)
    else:
        if is_paired(settings.entry):
            rows[REFERENCE_CROP] = _crops(inputs, (REFERENCE,))
        _compute(settings, inputs, rows, stamp, out)


def _stamp_of(inputs: EmbedInputs) -> dict[str, str]:
    """Return the fingerprints of what is embedded."""
    origin = require_common_origin([inputs.splits, inputs.crops], "samples")
    return {
        **inputs_of(inputs.crops),
        **origin,
        "split": fingerprint(inputs.splits),
        "crops": fingerprint(inputs.crops),
    }


def _write_nothing(settings: EmbedSettings, stamp: dict[str, str], out: Path) -> None:
    """Write empty tables: the lane is not used."""
    of_pair = (REFERENCE_CROP,) if is_paired(settings.entry) else ()
    for layer in settings.layers:
        for view in (PUBLIC_IMAGE, CROP, *of_pair):
            place = out / partition(layer=layer, view=view) / "part-00000.parquet"
            EMBEDDINGS.write(EMBEDDINGS.schema.empty_table(), place, inputs=stamp)


def _take_over(
    entry: EmbeddingsModel,
    root: Path,
    encoder: Path,
    rows: dict[str, pa.Table],
    stamp: dict[str, str],
    out: Path,
) -> None:
    """Write vectors that were made elsewhere, after checking that they are those that were verified."""
    verified = folders.read_facts(encoder)["weights_sha256"]
    described = imported_vectors.describe(embeddings.views_of(entry, root), root=root)
    if described["weights_sha256"] != verified:
        raise WeightsError(f"{root}: changed since stage encoder read it. Run `dvc repro` again.")
    stamp = {**stamp, "weights": verified[:16], "preprocessing": "elsewhere"}
    for layer in entry.layers:
        for view, wanted in rows.items():
            found = imported_vectors.find(imported_vectors.layer_folder(root, layer), view)
            place = out / partition(layer=layer, view=view)
            imported_vectors.write(found, wanted, place, inputs=stamp)


def _compute(
    settings: EmbedSettings,
    inputs: EmbedInputs,
    rows: dict[str, pa.Table],
    stamp: dict[str, str],
    out: Path,
) -> None:
    """Load the network and let it see the images."""
    device = devices.choose(settings.machine.device)
    encoder = encoders.load(inputs.encoder, device=str(device))
    if missing := [layer for layer in settings.layers if layer not in encoder.layers]:
        raise ParamsError(
            f"image.models.{settings.model}.layers: the network has no layer {missing[0]!r}."
            f"{suggestion(missing[0], encoder.layers)}"
        )
    stamp = {
        **stamp,
        "weights": (encoder.provenance.weights_sha256 or "")[:16],
        "preprocessing": encoder.preprocessing.fingerprint(),
        **embedding.stamp_of(settings.entry),
    }
    for view, wanted in rows.items():
        part = _EmbedPart(settings, encoder, inputs.images, wanted, stamp, ROWS_PER_PART)
        _embed_view(part, view=view, out=out)


def _public_images(inputs: EmbedInputs) -> pa.Table:
    roles = SPLITS.read(inputs.splits, columns=["sample_id", "role"])
    return _with_uris(roles.filter(pc.equal(roles["role"], PUBLIC)), inputs.samples)


def _crops(inputs: EmbedInputs, roles: Sequence[str]) -> pa.Table:
    crops = CROPS.read(inputs.crops)
    is_wanted = pc.is_in(crops["role"], pa.array(roles))
    return _with_uris(crops.filter(pc.and_(crops["is_kept"], is_wanted)), inputs.samples)


def _with_uris(rows: pa.Table, samples: Path) -> pa.Table:
    uris = SAMPLES.read(samples, columns=["sample_id", "sample_name", "uri", "content_hash"])
    return rows.join(uris, "sample_id", join_type="inner").sort_by("sample_id")


@dataclasses.dataclass(frozen=True, slots=True)
class _EmbedPart:
    """Embed one part of some rows into ``folder/<layer>.parquet``; picklable, so that it can run anywhere."""

    settings: EmbedSettings
    encoder: Encoder
    images: Path
    rows: pa.Table
    stamp: dict[str, str]
    step: int

    def __call__(self, index: int, folder: Path) -> None:
        part = self.rows.slice(index * self.step, self.step)
        machine = self.settings.machine
        vectors: dict[str, list[np.ndarray]] = {layer: [] for layer in self.settings.layers}
        device = devices.choose(machine.device)
        computing = embedding.computing_in(self.settings.entry, device)
        reader = ImageReader.open(self.images, machine.data_root)
        with reader, devices.all_cores(), computing:
            reader.expect(part)
            for pixels in self._pixels(reader, part):
                embedded = self.encoder.embed(embedding.pinned(pixels, device))
                for layer, arrays in vectors.items():
                    arrays.append(embedded[layer])
        for layer, arrays in vectors.items():
            table = pa.table(
                {"sample_id": part["sample_id"], "embedding": fixed_size(np.concatenate(arrays))}
            )
            EMBEDDINGS.write(table, folder / f"{layer}.parquet", inputs=self.stamp)

    def _pixels(self, reader: ImageReader, part: pa.Table) -> Iterator[Tensor]:
        """Yield what the network sees, batch by batch, decoded by `machine.workers` threads."""
        machine = self.settings.machine

        def load(rows: pa.Table) -> Tensor:
            seen = self.encoder.preprocessing
            return seen.load(reader, rows["uri"].to_pylist(), boxes_of(rows))

        step = -(-machine.batch_images // machine.workers)
        batches = (
            part.slice(start, machine.batch_images)
            for start in range(0, len(part), machine.batch_images)
        )
        pieces = (
            [batch.slice(start, step) for start in range(0, len(batch), step)] for batch in batches
        )
        for loaded in embedding.ahead(pieces, load, workers=machine.workers):
            yield torch.cat(loaded)


def _embed_view(part: _EmbedPart, *, view: str, out: Path) -> None:
    settings = part.settings
    facts = {
        "inputs": part.stamp, "view": view, "layers": settings.layers, "rows": part.step,
        "images": fingerprint(part.images),
    }  # fmt: skip
    assembled = out.with_name(f"{out.name}.{view}")
    machine = settings.machine
    for made in shards.run(
        part, -(-len(part.rows) // part.step), out=assembled, facts=facts, suffix="",
        stage=f"embed {settings.model} {view}",
        engine=engines.of(machine, gpus=devices.gpus_per_worker(machine.device)),
    ):  # fmt: skip
        for layer in settings.layers:
            place = out / partition(layer=layer, view=view) / f"{made.name}.parquet"
            place.parent.mkdir(parents=True, exist_ok=True)
            (made / f"{layer}.parquet").replace(place)
    shutil.rmtree(assembled)


def boxes_of(rows: pa.Table) -> np.ndarray | None:
    """Return the columns x0, y0, x1, y1 as an integer array (n, 4), or None if there are none."""
    if "x0" not in rows.column_names:
        return None
    return np.stack([rows[name].to_numpy() for name in ("x0", "y0", "x1", "y1")], axis=1)


def fixed_size(vectors: np.ndarray) -> pa.FixedSizeListArray:
    """Return a float32 array (n, dim) as a column of fixed-size lists."""
    flat = pa.array(np.ascontiguousarray(vectors, dtype=np.float32).ravel())
    return pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
