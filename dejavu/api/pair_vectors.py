"""Let the caller's model of images and texts see both, and write its vectors as the pipeline reads them."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor, nn

from dejavu.api import vectors
from dejavu.corpora.image_reader import ImageReader
from dejavu.errors import ParamsError, WeightsError
from dejavu.models import devices
from dejavu.run.progress import track
from dejavu.tables import by_sample
from dejavu.tables.views import PUBLIC_IMAGE, VIEWS, views_of

Embed = Callable[[Sequence[Any]], np.ndarray]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairSubject:
    """The model under audit, and how it sees an image and a text."""

    model: Any  # has encode_image and encode_text
    transform: Callable[[Any], Any] | None  # from an RGB PIL image to what is stacked to a batch
    tokenizer: Callable[[list[str]], Any] | None  # from texts to what encode_text takes
    batch_size: int
    device: str

    def __post_init__(self) -> None:
        missing = [
            name for name in ("encode_image", "encode_text") if not hasattr(self.model, name)
        ]
        if missing:
            raise ParamsError(
                f"lane='caption': the model has no method {missing[0]}; expected encode_image and "
                "encode_text, as models of OpenCLIP have them. Wrap a model of another shape in a class."
            )
        if isinstance(self.model, nn.Module) and None in (self.transform, self.tokenizer):
            raise ParamsError(
                "transform and tokenizer: how this network wants images and texts is not known. With "
                "OpenCLIP: model, _, transform = open_clip.create_model_and_transforms(name, …) and "
                "tokenizer = open_clip.get_tokenizer(name)."
            )

    def write(self, tables: Path, images: Path, out: Path, *, modes: Sequence[str]) -> None:
        """Write ``<view>.parquet`` of every view that `modes` need.

        Args:
            tables: folder of samples and splits of the caption lane.
            images: its images folder.
            out: the folder to make.
            modes: of searching.

        Raises:
            WeightsError: an output is no vector per image or text, or not finite.
        """
        out.mkdir(parents=True)
        with (
            ImageReader.open(images, ".") as reader,
            self._ready() as (see, read),
            devices.all_cores(),
        ):
            for view in views_of(modes):
                ids = by_sample.ids_of_roles(tables / "splits.parquet", *VIEWS[view])
                rows = by_sample.require(
                    tables / "samples.parquet", ids, ["sample_name", "uri", "caption"]
                )
                if view == PUBLIC_IMAGE:
                    self._write(
                        rows,
                        lambda part: see([reader.read(u) for u in part["uri"].to_pylist()]),
                        out,
                        view,
                    )
                else:
                    self._write(rows, lambda part: read(part["caption"].to_pylist()), out, view)

    def _write(
        self, rows: pa.Table, embed: Callable[[pa.Table], np.ndarray], out: Path, view: str
    ) -> None:
        parts = []
        for start in track(range(0, len(rows), self.batch_size), what=f"embed {view}, batches"):
            part = rows.slice(start, self.batch_size)
            found = embed(part)
            if len(found) != len(part):
                raise WeightsError(
                    f"{view}: {len(found)} vectors for {len(part)} samples, expected one each."
                )
            parts.append(found)
        array = np.concatenate(parts)
        column = pa.FixedSizeListArray.from_arrays(pa.array(array.ravel()), array.shape[1])
        table = rows.select(["sample_name"]).append_column("embedding", column)
        pq.write_table(table, out / f"{view}.parquet", compression="zstd")

    @contextlib.contextmanager
    def _ready(self) -> Iterator[tuple[Embed, Embed]]:
        """Yield functions from images, and from texts, to vectors; the model is left as it was found."""
        with contextlib.ExitStack() as stack:
            device = None
            if isinstance(self.model, nn.Module):
                device = stack.enter_context(vectors.evaluated(self.model, self.device))

            def call(method: Callable[[Any], Any], batch: Any, what: str) -> np.ndarray:
                moved = batch.to(device) if isinstance(batch, Tensor) and device else batch
                with torch.inference_mode():
                    return vectors.checked(vectors.called(method, moved, what), what)

            def see(images: Sequence[Any]) -> np.ndarray:
                batch = vectors.stacked(images, self.transform)
                return call(self.model.encode_image, batch, "encode_image")

            def read(texts: Sequence[str]) -> np.ndarray:
                batch = list(texts) if self.tokenizer is None else self.tokenizer(list(texts))
                return call(self.model.encode_text, batch, "encode_text")

            yield see, read
