"""Let a model of the caller's see crops and images, and write its vectors as the pipeline reads them."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from torch import Tensor, nn

from dejavu.corpora.image_reader import ImageReader
from dejavu.errors import DataError, DejavuError, ParamsError, WeightsError, suggestion
from dejavu.image.embed import boxes_of
from dejavu.image.kept_crops import kept_crops
from dejavu.models import devices
from dejavu.params.names import problem_of
from dejavu.roles import ATTACKED, PUBLIC
from dejavu.run.progress import track
from dejavu.tables.schemas import SAMPLES, SPLITS
from dejavu.tables.views import CROP, PUBLIC_IMAGE

WHOLE = "output"  # the layer of a model that returns one array


@dataclasses.dataclass(frozen=True, kw_only=True)
class Subject:
    """The model under audit, and how it sees an image."""

    model: Any  # an nn.Module, or a callable from a batch to vectors
    transform: Callable[[Any], Any] | None  # from an RGB PIL image to what is stacked to a batch
    layers: tuple[str, ...] | None  # outputs by name, or modules of an nn.Module; None: all outputs
    batch_size: int
    device: str | torch.device  # a name as machine.device has it, or where the model is

    def write(self, tables: Path, images: Path, out: Path) -> tuple[str, ...]:
        """Write ``<layer>/<view>.parquet`` of both views; return the layers, the headline first.

        Args:
            tables: folder of samples, splits and crops of the image lane.
            images: its images folder.
            out: the folder to make.

        Raises:
            ParamsError: there is no such layer, or the model needs a transform.
            WeightsError: an output is no vector per image, or not finite.
        """
        views = {PUBLIC_IMAGE: _public(tables), CROP: _crops(tables)}
        for view, rows in views.items():
            if not rows.num_rows:
                what = "public image" if view == PUBLIC_IMAGE else "crop"
                raise DataError(
                    f"{tables}: no {what} is left to embed; see drop_reason in crops.parquet."
                )
        names: tuple[str, ...] = ()
        with ImageReader.open(images, ".") as reader, self.ready() as embed, devices.all_cores():
            for view, rows in views.items():
                names = self._write_view(reader, rows, embed, out, view)
        return names

    def _write_view(
        self, reader: ImageReader, rows: pa.Table, embed: Any, out: Path, view: str
    ) -> tuple[str, ...]:
        writers: dict[str, pq.ParquetWriter] = {}
        with contextlib.ExitStack() as stack:
            starts = range(0, len(rows), self.batch_size)
            for start in track(starts, what=f"embed {view}, batches"):
                part = rows.slice(start, self.batch_size)
                arrays = embed(_images(reader, part))
                for layer, array in arrays.items():
                    table = _table(part, array, layer)
                    if layer not in writers:
                        place = out / layer / f"{view}.parquet"
                        place.parent.mkdir(parents=True, exist_ok=True)
                        writer = pq.ParquetWriter(place, table.schema, compression="zstd")
                        writers[layer] = stack.enter_context(writer)
                    writers[layer].write_table(table)
        return tuple(writers)

    @contextlib.contextmanager
    def ready(self) -> Iterator[Callable[[list[Any]], dict[str, np.ndarray]]]:
        """Yield a function from images to vectors by layer; the model is left as it was found."""
        if not isinstance(self.model, nn.Module):
            yield lambda images: self._named(called(self.model, self._batch(images), "model"), {})
            return
        seen: dict[str, Any] = {}
        with contextlib.ExitStack() as stack:
            device = stack.enter_context(evaluated(self.model, self.device))
            for hook in self._hooks(seen):
                stack.callback(hook.remove)

            def embed(images: list[Any]) -> dict[str, np.ndarray]:
                batch = self._batch(images)
                moved = batch.to(device) if isinstance(batch, Tensor) else batch
                with torch.inference_mode():
                    return self._named(called(self.model, moved, "model"), seen)

            yield embed

    def _hooks(self, seen: dict[str, Any]) -> list[Any]:
        modules = dict(self.model.named_modules())
        inner = [name for name in self.layers or () if name in modules]

        def keep(name: str) -> Callable[..., None]:
            return lambda _module, _inputs, output: seen.__setitem__(name, output)

        return [modules[name].register_forward_hook(keep(name)) for name in inner]

    def _batch(self, images: list[Any]) -> Any:
        """Return what the model is called with."""
        if self.transform is None and isinstance(self.model, nn.Module):
            raise ParamsError(
                "transform=None: how this network wants its images is not known. Give a function "
                "from an RGB PIL image to a tensor (3, height, width), as its makers used."
            )
        batch = stacked(images, self.transform)
        if isinstance(self.model, nn.Module) and not isinstance(batch, Tensor):
            raise ParamsError(
                "transform: gives no tensor, which is what a network takes. Of a processor of Hugging Face: "
                "lambda image: processor(image, return_tensors='pt')['pixel_values'][0]."
            )
        return batch

    def _named(self, output: Any, seen: Mapping[str, Any]) -> dict[str, np.ndarray]:
        known = {**seen, **(output if isinstance(output, Mapping) else {WHOLE: output})}
        wanted: Sequence[str] = self.layers or [name for name in known if name not in seen]
        if missing := [name for name in wanted if name not in known]:
            names = {*known, *dict(getattr(self.model, "named_modules", dict)())} - {""}
            raise ParamsError(
                f"layers: the model has no output or module {missing[0]!r}.{suggestion(missing[0], names)}"
            )
        return {layer_name(name): checked(known[name], f"layer {name!r}") for name in wanted}


@contextlib.contextmanager
def evaluated(model: nn.Module, given: str | torch.device) -> Iterator[torch.device]:
    """Put a network where it runs, into evaluation mode; leave it as it was found. Yields where."""
    device = given if isinstance(given, torch.device) else devices.choose(given)
    was_training = model.training
    before = next((p.device for p in model.parameters()), device)
    try:
        model.to(device).eval()
        yield device
    finally:
        model.to(before)
        model.train(was_training)


def stacked(images: Sequence[Any], transform: Callable[[Any], Any] | None) -> Any:
    """Return images transformed and stacked to a batch; without a transform the list of images."""
    if transform is None:
        return list(images)
    made = [transform(image) for image in images]
    try:
        if all(isinstance(each, Tensor) for each in made):
            return torch.stack(made)
        return np.stack([np.asarray(each) for each in made])
    except (RuntimeError, ValueError):
        shapes = {tuple(getattr(each, "shape", ())) for each in made}
        raise ParamsError(
            f"transform: gives tensors of different shapes ({', '.join(map(str, sorted(shapes)[:3]))}), "
            "expected one shape. Resize images to one size."
        ) from None


def called(method: Callable[[Any], Any], batch: Any, what: str) -> Any:
    """Return what the caller's model makes of a batch.

    Raises:
        WeightsError: it fails; the message holds its own words and what it was given, its traceback is kept.
    """
    try:
        return method(batch)
    except DejavuError:
        raise
    except Exception as error:
        given = (
            f"{type(batch).__name__} of {batch.dtype}, shape {tuple(batch.shape)}"
            if hasattr(batch, "dtype")
            else f"{type(batch).__name__} of {len(batch)}"
        )
        raise WeightsError(f"{what}: fails on a {given}: {error}") from error


def layer_name(name: str) -> str:
    """Return a layer's name as tables and folders have it: letters, digits and ``_``.

    >>> layer_name("encoder.layer4"), layer_name("0")
    ('encoder_layer4', 'layer_0')
    """
    plain = str(name).replace(".", "_")
    if plain.replace("_", "").isdigit():  # nn.Sequential counts its modules
        plain = f"layer_{plain}"
    if problem := problem_of(plain):
        raise ParamsError(f"layers: {name!r} {problem}; a name is letters, digits and _.")
    return plain


def checked(output: Any, what: str) -> np.ndarray:
    """Return one vector per sample, in float32; maps and tokens are averaged over their places.

    Raises:
        WeightsError: an output of another shape, or not finite; `what` names it.
    """
    if isinstance(output, tuple):  # several outputs, of which nobody said which is meant
        raise WeightsError(
            f"{what}: expected one vector per image, found a tuple of {len(output)}. Give a "
            "callable that returns the one that is meant: lambda batch: model(batch)[0]."
        )
    values = (
        output.detach().float().cpu().numpy() if isinstance(output, Tensor) else np.asarray(output)
    )
    if values.ndim == 4:  # (n, channels, height, width)
        values = values.mean(axis=(2, 3))
    elif values.ndim == 3:  # (n, tokens, channels)
        values = values.mean(axis=1)
    if values.ndim != 2 or values.dtype.kind not in "fiu":
        raise WeightsError(f"{what}: expected one vector per image, found shape {values.shape}.")
    values = values.astype(np.float32)
    broken = ~np.isfinite(values).all(axis=1)
    if broken.any():
        raise WeightsError(
            f"{what}: NaN or infinity for {int(broken.sum())} of {len(values)} images."
        )
    return values


def _images(reader: ImageReader, rows: pa.Table) -> list[Any]:
    boxes = boxes_of(rows)
    images = [reader.read(uri) for uri in rows["uri"].to_pylist()]
    if boxes is None:
        return images
    return [image.crop(tuple(box)) for image, box in zip(images, boxes.tolist(), strict=True)]


def _table(part: pa.Table, array: np.ndarray, layer: str) -> pa.Table:
    if len(array) != len(part):
        raise WeightsError(
            f"layer {layer!r}: {len(array)} vectors for {len(part)} images, expected one each."
        )
    column = pa.FixedSizeListArray.from_arrays(pa.array(array.ravel()), array.shape[1])
    names = [name for name in ("sample_name", "x0", "y0", "x1", "y1") if name in part.column_names]
    return part.select(names).append_column("embedding", column)


def _public(tables: Path) -> pa.Table:
    roles = SPLITS.read(tables / "splits.parquet", columns=["sample_id", "role"])
    ids = roles.filter(pc.equal(roles["role"], PUBLIC)).select(["sample_id"])
    rows = SAMPLES.read(tables / "samples.parquet", columns=["sample_id", "sample_name", "uri"])
    return ids.join(rows, "sample_id", join_type="inner").sort_by("sample_id")


def _crops(tables: Path) -> pa.Table:
    files = (tables / "samples.parquet", tables / "crops.parquet")
    return kept_crops(*files, roles=ATTACKED, columns=["sample_name", "uri"])
