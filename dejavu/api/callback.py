"""Watch memorization while a network trains: a plain loop, Lightning, or the Trainer of transformers."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dejavu.errors import DataError, ParamsError
from dejavu.roles import CONTROL, PUBLIC, TARGET

CORNER = 0.3  # share of width and height that is cut where an image has no box
_WHOLE = f"{CONTROL}, whole"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a network has memorized after an epoch, and what it is good for."""

    epoch: int
    excess_points: float  # adjusted
    excess_points_low: float  # of the 95 % interval
    excess_points_high: float
    utility: float  # share of whole control images whose label the public vote names
    verdict: str


class MemorizationCallback:
    """Measures excess and utility on small fixed sets every few epochs, and writes them as DVCLive does.

    ``metrics.json`` holds the last epoch, ``plots/metrics/memorization/<name>.tsv`` the curve of each number,
    which `dvc plots show` draws. The network is left as it was found; it draws no random number.

        watch = dejavu.MemorizationCallback(target=train, control=heldout, public=bank, transform=transform)
        for epoch in range(epochs):
            ...
            watch.after_epoch(model, epoch)

    Lightning takes ``watch.for_lightning()``, the Trainer of transformers ``watch.for_transformers()``.
    """

    def __init__(
        self,
        *,
        target: Any,
        control: Any,
        public: Any,
        transform: Callable[[Any], Any],
        every: int = 1,
        layer: str | None = None,
        k: int = 20,
        limit: int | None = 500,
        batch_size: int = 64,
        min_crop_px: int | None = None,
        seed: int = 0,
        folder: Path | str = "dvclive",
    ) -> None:
        """Draw the samples, cut their crops, and keep both in memory.

        Args:
            target: data set that the network trains on; forms as in `dejavu.audit`.
            control: images like them that it does not train on.
            public: labelled images that decode.
            transform: from an RGB PIL image to the tensor that the network takes, without randomness.
            every: epochs between two measurements.
            layer: output or module of the network; None: its output.
            k: public images that vote.
            limit: most samples of target and of control; of public three times as many; None: all.
            batch_size: images that the network sees at once.
            min_crop_px: smaller crops are left out, as in `dejavu.audit`.
            seed: of the draw, folds and permutations.
            folder: where metrics are written.

        Raises:
            DataError: a data set is empty or not of a known form, or no crop is left.
            ParamsError: `every` is no positive number.
        """
        if every < 1:
            raise ParamsError(f"every: {every}, expected a positive number of epochs.")
        self.every, self.k, self.seed, self.folder = every, k, seed, Path(folder)
        self.history: list[Measured] = []
        self._transform, self._batch_size = transform, batch_size
        self._layers = None if layer is None else (layer,)
        self._min_crop_px = min_crop_px
        self._images: dict[str, list[Any]] = {}
        self._labels: dict[str, list[Any]] = {}
        sizes = {TARGET: limit, CONTROL: limit, PUBLIC: None if limit is None else 3 * limit}
        for role, data in ((TARGET, target), (CONTROL, control), (PUBLIC, public)):
            self._take(role, data, sizes[role])

    def _take(self, role: str, data: Any, limit: int | None) -> None:
        from dejavu.api import datasets, settings
        from dejavu.api.images import opened

        found = [item for _, item in datasets.items(data, role, limit, self.seed)]
        images = [opened(item.image, where=role) for item in found]
        labels = [str(item.label) for item in found]
        if role == TARGET:  # control is held to the same
            sides_px = [min(image.size) for image in images]
            self._min_crop_px = settings.smallest_crop(self._min_crop_px, sides_px)
        if role == CONTROL:
            self._images[_WHOLE], self._labels[_WHOLE] = images, labels
        if role != PUBLIC:
            places = _boxes_of(images, [item.boxes for item in found], self._min_crop_px or 0)
            kept = [
                (image.crop(box), label)
                for image, label, box in zip(images, labels, places, strict=True)
                if box is not None
            ]
            if not kept:
                raise DataError(
                    f"{role}: none of {len(images)} images has a background crop whose shorter side exceeds "
                    f"{self._min_crop_px} pixels. Give a smaller min_crop_px, or images with boxes that "
                    "leave background."
                )
            images, labels = [image for image, _ in kept], [label for _, label in kept]
        self._images[role], self._labels[role] = images, labels

    def after_epoch(self, model: Any, epoch: int) -> Measured | None:
        """Measure after every `every`-th epoch, counted from 0; None after the others.

        Where several processes train together, call it in each: all of them measure, as a wrapped network
        waits for the others in every forward pass, and the first one writes.
        """
        if (epoch + 1) % self.every:
            return None
        vectors = self._embed(model)
        from dejavu.api.embeddings import audit_embeddings
        from dejavu.image import arrays

        roles = (TARGET, CONTROL, PUBLIC)
        labels = {role: self._labels[role] for role in roles}
        audit = audit_embeddings(
            target=vectors[TARGET], control=vectors[CONTROL], public=vectors[PUBLIC], labels=labels,
            k=self.k, seed=self.seed,
        )  # fmt: skip
        asked = {role: self._labels[role] for role in (_WHOLE, PUBLIC)}
        _, codes = arrays.codes_of(asked, {role: len(found) for role, found in asked.items()})
        whole = arrays.vote(
            vectors[_WHOLE], vectors[PUBLIC], codes[PUBLIC], codes[_WHOLE], self.k, "cosine"
        )
        measured = Measured(
            epoch=epoch, excess_points=audit.excess.value, excess_points_low=audit.excess.low,
            excess_points_high=audit.excess.high, verdict=audit.verdict,
            utility=float(np.mean(whole.winner == codes[_WHOLE])),
        )  # fmt: skip
        self.history.append(measured)
        if _is_first():
            self._write(measured)
        return measured

    def _embed(self, model: Any) -> dict[str, np.ndarray]:
        from dejavu.api.vectors import Subject

        place = next((p.device for p in getattr(model, "parameters", list)()), "cpu")
        subject = Subject(
            model=model, transform=self._transform, layers=self._layers,
            batch_size=self._batch_size, device=place,
        )  # fmt: skip
        found = {}
        with subject.ready() as embed:
            for name, images in self._images.items():
                starts = range(0, len(images), self._batch_size)
                parts = [embed(images[start : start + self._batch_size]) for start in starts]
                found[name] = np.concatenate([next(iter(part.values())) for part in parts])
        return found

    def _write(self, measured: Measured) -> None:
        """Write the last numbers and one more point of each curve, as DVCLive lays them out."""
        numbers = {
            name: value
            for name, value in dataclasses.asdict(measured).items()
            if name not in ("epoch", "verdict")
        }
        curves = self.folder / "plots" / "metrics" / "memorization"
        curves.mkdir(parents=True, exist_ok=True)
        for name in numbers:
            points = "".join(f"{each.epoch}\t{getattr(each, name)}\n" for each in self.history)
            (curves / f"{name}.tsv").write_text(f"step\t{name}\n{points}", encoding="utf-8")
        told = {"memorization": {**numbers, "verdict": measured.verdict}, "step": measured.epoch}
        text = json.dumps(told, indent=1, sort_keys=True) + "\n"
        (self.folder / "metrics.json").write_text(text, encoding="utf-8")

    def for_lightning(self) -> Any:
        """Return a callback of Lightning: numbers are logged, too."""
        try:
            from lightning.pytorch.callbacks import Callback
        except ImportError:
            from pytorch_lightning.callbacks import Callback
        watch = self

        class Lightning(Callback):
            def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
                measured = watch.after_epoch(pl_module, trainer.current_epoch)
                if measured is not None:
                    pl_module.log("memorization_excess_points", measured.excess_points)
                    pl_module.log("memorization_utility", measured.utility)

        return Lightning()

    def for_transformers(self) -> Any:
        """Return a callback of the Trainer of transformers."""
        from transformers import TrainerCallback

        watch = self

        class Transformers(TrainerCallback):
            def on_epoch_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:  # noqa: ARG002  # the signature of transformers
                watch.after_epoch(given["model"], round(state.epoch) - 1)

        return Transformers()


def _is_first() -> bool:
    """Tell whether this process writes: the only one, or rank 0 of those that train together."""
    from torch import distributed

    return not (distributed.is_available() and distributed.is_initialized()) or (
        distributed.get_rank() == 0
    )


def _boxes_of(
    images: Sequence[Any], boxes: Sequence[np.ndarray], min_side_px: int
) -> list[tuple[float, float, float, float] | None]:
    """Return where the crop of each image lies, by the pipeline's rule; None: there is none."""
    import pyarrow as pa

    from dejavu.image import crop
    from dejavu.params.corpora import CropParams
    from dejavu.tables.schemas import SAMPLES

    fields = ("x0", "y0", "x1", "y1")
    listed = [
        [dict(zip(fields, _whole(box, image.size), strict=True)) | {"label": None} for box in each]
        for image, each in zip(images, boxes, strict=True)
    ]
    n = len(images)
    rows = pa.table(
        {
            "sample_id": pa.array(range(n), pa.int64()),
            "role": pa.array([TARGET] * n, pa.string()),
            "width_px": pa.array([image.width for image in images], pa.int32()),
            "height_px": pa.array([image.height for image in images], pa.int32()),
            "boxes": pa.array(listed, SAMPLES.schema.field("boxes").type),
        }
    )
    settings = CropParams(
        rule="largest" if any(map(len, boxes)) else "corner", min_side_px=min_side_px,
        corner="lower_left", corner_fraction=CORNER,
    )  # fmt: skip
    found = crop.find(rows, settings).to_pylist()
    return [
        (float(row["x0"]), float(row["y0"]), float(row["x1"]), float(row["y1"]))
        if row["is_kept"]
        else None
        for row in found
    ]


def _whole(box: np.ndarray, size: tuple[int, int]) -> list[int]:
    """Return a box as whole pixels within its image: what it touches belongs to it."""
    corners = np.concatenate([np.floor(box[:2]), np.ceil(box[2:])])
    return np.clip(corners, 0, [*size, *size]).astype(int).tolist()
