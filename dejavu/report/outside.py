"""What lies outside the model: the columns of the blind baseline (docs/method.md, ours).

Bytes, size, label and length of the caption come from the tables of samples. Here follow those that take more
work: mean colors, tags or objects, embeddings of captions. What a run does not have is left out, and said.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float64, Int64

from dejavu.corpora.image_reader import ImageReader
from dejavu.corpora.mean_color import color_columns, mean_colors
from dejavu.errors import DejavuError
from dejavu.statistics.control_differs import Gate, Known, checked, drawn
from dejavu.statistics.covariates import covariates
from dejavu.tables import queries
from dejavu.tables.catalog import Catalog

N_TAGS = 30  # the most frequent ones of an annotator; rarer ones tell little and cost power
N_COMPONENTS = 32  # principal components of the captions' embeddings
Columns = dict[str, Float64[np.ndarray, " n"]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pixels:
    """Where images lie, and whether they may be read."""

    data_root: str  # ``machine.data_root``
    are_read: bool  # ``report.thumbnails``


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Attacked:
    """The attacked samples of a lane, in sample_id order."""

    sample_id: Int64[np.ndarray, " n"]
    is_target: Bool[np.ndarray, " n"]
    group: Int64[np.ndarray, " n"]

    def some(self, rows: Bool[np.ndarray, " n"]) -> "Attacked":
        """Return the chosen samples."""
        return Attacked(
            sample_id=self.sample_id[rows], is_target=self.is_target[rows], group=self.group[rows]
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What is known of samples outside the model, and what that is."""

    known: Known
    looked_at: tuple[str, ...]
    left_out: Mapping[str, str]  # name → why


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """Everything that a lane's gate looks at."""

    covariates: Known  # X of the adjusted excess
    outside: Outside
    uncovered_share: float | None = None  # of attacked samples whose label no public image has

    def gate(self, seed: int, purpose: str) -> Gate:
        """Return whether control is like target."""
        return checked(
            self.covariates, self.outside.known, seed=seed, purpose=purpose,
            uncovered_share=self.uncovered_share, looked_at=self.outside.looked_at,
            left_out=self.outside.left_out,
        )  # fmt: skip


class _Look:
    """Columns by what they tell; each family is there for all samples, or left out."""

    def __init__(self) -> None:
        self.columns: Columns = {}
        self.looked_at: list[str] = []
        self.left_out: dict[str, str] = {}

    def add(self, name: str, columns: Mapping[str, np.ndarray] | str) -> None:
        """Add a family; a text says why there is none."""
        if isinstance(columns, str):
            self.left_out[name] = columns
            return
        self.looked_at.append(name)
        self.columns |= columns


def look(
    catalog: Catalog,
    lane: str,
    attacked: Attacked,
    stated: Mapping[str, np.ndarray],
    levels: Mapping[str, np.ndarray],
    *,
    pixels: Pixels,
    text_models: Sequence[str] = (),
    seed: int,
    purpose: str,
) -> Outside:
    """Return what is known of at most 20,000 attacked samples a role outside the model.

    Args:
        catalog: tables of the run.
        lane: ``image`` or ``caption``.
        attacked: samples of both roles.
        stated: what the tables of samples state, by name; one with a value that is not finite is left out.
        levels: label, or number of objects.
        pixels: where images lie.
        text_models: models that embed captions and nothing else; caption lane.
        seed: the run's seed.
        purpose: names the draw of samples.
    """
    rows = drawn(attacked.is_target, attacked.group, seed=seed, purpose=purpose)
    chosen = attacked.some(rows)
    found = _Look()
    for name, column in stated.items():
        whole = np.isfinite(column).all()
        found.add(name, {name: column[rows]} if whole else "not known of every sample")
    for name in levels:
        found.looked_at.append(name)
    found.add("mean color", _colors(catalog, lane, chosen.sample_id, pixels))
    name = "tags" if lane == "image" else "objects"
    found.add(name, _tags(catalog, lane, chosen.sample_id))
    if lane == "caption":
        found.add("text embedding", _texts(catalog, chosen.sample_id, text_models))
    x = covariates(found.columns, {name: level[rows] for name, level in levels.items()}).x
    known = Known(x=x, is_target=chosen.is_target, group=chosen.group)
    return Outside(known=known, looked_at=tuple(found.looked_at), left_out=found.left_out)


def _colors(
    catalog: Catalog, lane: str, sample_id: Int64[np.ndarray, " n"], pixels: Pixels
) -> Columns | str:
    if not pixels.are_read:
        return "report.thumbnails is false: no image is read"
    uris = _rows_of(catalog, "outside_uris", sample_id, lane=lane)["uri"].to_pylist()
    try:
        with ImageReader.open(catalog.data / lane / "images", pixels.data_root) as reader:
            colors = mean_colors(reader, uris)
    except (DejavuError, OSError, ValueError, KeyError):
        return "the images are not here"
    return color_columns(colors)


def _tags(catalog: Catalog, lane: str, sample_id: Int64[np.ndarray, " n"]) -> Columns | str:
    """Return whether each sample has each of the most frequent tags of each annotator, or objects."""
    view = "tags" if lane == "image" else "objects"
    if not catalog.add_views([view]):
        return "no annotator"
    found = _rows_of(catalog, f"outside_{view}", sample_id)
    annotator = np.array(found["annotator"].to_pylist())
    tag, of = (found[name].to_numpy() for name in ("tag_id", "sample_id"))
    columns: Columns = {}
    for name in np.unique(annotator):
        own = annotator == name
        known, counts = np.unique(tag[own], return_counts=True)
        for each in known[np.argsort(-counts, kind="stable")][:N_TAGS]:
            has = np.isin(sample_id, of[own & (tag == each)])
            columns[f"{name} {each}"] = has.astype(np.float64)
    return columns or "no tags of these samples"


def _texts(
    catalog: Catalog, sample_id: Int64[np.ndarray, " n"], text_models: Sequence[str]
) -> Columns | str:
    """Return principal components of the captions' embeddings by models of texts."""
    if not text_models or not catalog.add_views(
        ["embeddings"], model=text_models, view=["caption"]
    ):
        return "no text model"
    columns: Columns = {}
    for model in text_models:
        rows = _rows_of(catalog, "outside_texts", sample_id, model=model)
        if rows.num_rows != len(sample_id):
            return f"{model} has not embedded every caption"
        flat = rows["embedding"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        vectors = flat.reshape(rows.num_rows, -1).astype(np.float64)
        centred = vectors - vectors.mean(axis=0)
        _, axes = np.linalg.eigh(centred.T @ centred)
        components = centred @ axes[:, ::-1][:, :N_COMPONENTS]
        columns |= {f"{model} {place}": each for place, each in enumerate(components.T)}
    return columns


def _rows_of(
    catalog: Catalog, query: str, sample_id: Int64[np.ndarray, " n"], **parameters: str
) -> pa.Table:
    """Return the rows of the given samples."""
    return catalog.table(queries.text(query), {"sample_ids": sample_id.tolist(), **parameters})
