"""Turn images and crops into vectors: one forward pass gives every layer, shard by shard."""

import dataclasses
import functools
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dejavu.corpora.image_reader import ImageReader
from dejavu.errors import DataError, ParamsError, WeightsError, suggestion
from dejavu.models import devices, encoders, imported_vectors
from dejavu.models import folder as folders
from dejavu.models.encoders import imported
from dejavu.models.encoders.encoder import Encoder
from dejavu.params.encoders import ModelParams
from dejavu.params.machine import MachineParams
from dejavu.params.released import EmbeddingsModel
from dejavu.roles import ATTACKED, PUBLIC
from dejavu.run import shards
from dejavu.tables.parquet import fingerprint, inputs_of, require_common_origin
from dejavu.tables.partitions import partition
from dejavu.tables.schemas import CROPS, EMBEDDINGS, SAMPLES, SPLITS
from dejavu.tables.views import CROP, PUBLIC_IMAGE

ROWS_PER_PART = 16_384  # fixed, so that no setting of the machine changes the files


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What is embedded, and with what."""

    model: str
    settings: ModelParams
    samples: Path
    images: Path
    splits: Path
    crops: Path
    encoder: Path
    machine: MachineParams

    @property
    def layers(self) -> tuple[str, ...]:
        """Return the layers whose vectors are wanted."""
        return self.settings.layers


def embed(sources: Sources, out: Path) -> None:
    """Write ``layer=<layer>/view=<view>/part-*.parquet`` (table ``embeddings``) for both views.

    The view ``public_image`` holds whole images of the public role, ``crop`` the kept crops of the
    roles target and control. Vectors that were made elsewhere are checked and written alike.

    Raises:
        ParamsError: the network has no such layer.
        ArtifactError: the tables come from different runs.
        DataError: there is nothing to embed, or vectors made elsewhere do not fit these samples.
    """
    origin = require_common_origin([sources.splits, sources.crops], "samples")
    inputs = {
        **inputs_of(sources.crops),
        **origin,
        "split": fingerprint(sources.splits),
        "crops": fingerprint(sources.crops),
    }
    rows = {PUBLIC_IMAGE: _public_images(sources), CROP: _attacked_crops(sources)}
    is_unused = SPLITS.read(sources.splits, columns=["sample_id"]).num_rows == 0
    for view, wanted in rows.items():
        if len(wanted) == 0 and not is_unused:
            raise DataError(f"{sources.splits}: view {view!r} has no image to embed.")
    shutil.rmtree(out, ignore_errors=True)
    if is_unused:
        _write_nothing(sources.layers, inputs, out)
    elif isinstance(sources.settings, EmbeddingsModel):
        _take_over(sources, sources.settings, rows, inputs, out)
    else:
        _compute(sources, rows, inputs, out)


def _write_nothing(layers: tuple[str, ...], inputs: dict[str, str], out: Path) -> None:
    """Write empty tables: the lane is not used."""
    for layer in layers:
        for view in (PUBLIC_IMAGE, CROP):
            place = out / partition(layer=layer, view=view) / "part-00000.parquet"
            EMBEDDINGS.write(EMBEDDINGS.schema.empty_table(), place, inputs=inputs)


def _take_over(
    sources: Sources,
    settings: EmbeddingsModel,
    rows: dict[str, pa.Table],
    inputs: dict[str, str],
    out: Path,
) -> None:
    """Write vectors that were made elsewhere, after checking that they are those that were verified."""
    root = sources.machine.data_folder / settings.path
    verified = folders.read_facts(sources.encoder)["weights_sha256"]
    if (
        imported_vectors.describe(imported.views_of(settings, root), root=root)["weights_sha256"]
        != verified
    ):
        raise WeightsError(f"{root}: changed since stage encoder read it. Run `dvc repro` again.")
    inputs = {**inputs, "weights": verified[:16], "preprocessing": "elsewhere"}
    for layer in settings.layers:
        for view, wanted in rows.items():
            found = imported_vectors.find(imported_vectors.layer_folder(root, layer), view)
            place = out / partition(layer=layer, view=view)
            imported_vectors.write(found, wanted, place, inputs=inputs)


def _compute(
    sources: Sources, rows: dict[str, pa.Table], inputs: dict[str, str], out: Path
) -> None:
    """Load the network and let it see the images."""
    device = devices.choose(sources.machine.device)
    encoder = encoders.load(sources.encoder, device=str(device))
    if missing := [layer for layer in sources.layers if layer not in encoder.layers]:
        raise ParamsError(
            f"image.models.{sources.model}.layers: the network has no layer {missing[0]!r}."
            f"{suggestion(missing[0], encoder.layers)}"
        )
    inputs = {
        **inputs,
        "weights": (encoder.provenance.weights_sha256 or "")[:16],
        "preprocessing": encoder.preprocessing.fingerprint(),
    }
    for view, wanted in rows.items():
        _embed_view(sources, encoder, wanted, view=view, inputs=inputs, out=out)


def _public_images(sources: Sources) -> pa.Table:
    roles = SPLITS.read(sources.splits, columns=["sample_id", "role"])
    return _with_uris(roles.filter(pc.equal(roles["role"], PUBLIC)), sources.samples)


def _attacked_crops(sources: Sources) -> pa.Table:
    crops = CROPS.read(sources.crops)
    is_attacked = pc.is_in(crops["role"], pa.array(ATTACKED))
    return _with_uris(crops.filter(pc.and_(crops["is_kept"], is_attacked)), sources.samples)


def _with_uris(rows: pa.Table, samples: Path) -> pa.Table:
    uris = SAMPLES.read(samples, columns=["sample_id", "sample_name", "uri", "content_hash"])
    return rows.join(uris, "sample_id", join_type="inner").sort_by("sample_id")


def _embed_view(
    sources: Sources,
    encoder: Encoder,
    rows: pa.Table,
    *,
    view: str,
    inputs: dict[str, str],
    out: Path,
) -> None:
    facts = {"inputs": inputs, "view": view, "layers": sources.layers, "rows": ROWS_PER_PART}
    facts["images"] = fingerprint(sources.images)
    shard = functools.partial(_embed_part, sources, encoder, rows, inputs, ROWS_PER_PART)
    assembled = out.with_name(f"{out.name}.{view}")
    n_parts = -(-len(rows) // ROWS_PER_PART)
    stage = f"embed {sources.model} {view}"
    machine = sources.machine
    for part in shards.run(
        shard, n_parts, out=assembled, stage=stage, facts=facts, suffix="", engine=machine.engine,
        num_gpus=0.0 if devices.choose(machine.device).type == "cpu" else 1.0,
    ):  # fmt: skip
        for layer in sources.layers:
            place = out / partition(layer=layer, view=view) / f"{part.name}.parquet"
            place.parent.mkdir(parents=True, exist_ok=True)
            (part / f"{layer}.parquet").replace(place)
    shutil.rmtree(assembled)


def _embed_part(
    sources: Sources,
    encoder: Encoder,
    rows: pa.Table,
    inputs: dict[str, str],
    step: int,
    index: int,
    folder: Path,
) -> None:
    """Embed one part of `rows` into ``folder/<layer>.parquet``."""
    part = rows.slice(index * step, step)
    vectors: dict[str, list[np.ndarray]] = {layer: [] for layer in sources.layers}
    reader = ImageReader.open(sources.images, sources.machine.data_root)
    with reader, devices.all_cores():
        reader.expect(part)
        for start in range(0, len(part), sources.machine.batch_images):
            batch = part.slice(start, sources.machine.batch_images)
            pixels = encoder.preprocessing.load(reader, batch["uri"].to_pylist(), boxes_of(batch))
            embedded = encoder.embed(pixels)
            for layer, arrays in vectors.items():
                arrays.append(embedded[layer])
    for layer, arrays in vectors.items():
        table = pa.table(
            {"sample_id": part["sample_id"], "embedding": fixed_size(np.concatenate(arrays))}
        )
        EMBEDDINGS.write(table, folder / f"{layer}.parquet", inputs=inputs)


def boxes_of(rows: pa.Table) -> np.ndarray | None:
    """Return the columns x0, y0, x1, y1 as an integer array (n, 4), or None if there are none."""
    if "x0" not in rows.column_names:
        return None
    return np.stack([rows[name].to_numpy() for name in ("x0", "y0", "x1", "y1")], axis=1)


def fixed_size(vectors: np.ndarray) -> pa.FixedSizeListArray:
    """Return a float32 array (n, dim) as a column of fixed-size lists."""
    flat = pa.array(np.ascontiguousarray(vectors, dtype=np.float32).ravel())
    return pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
