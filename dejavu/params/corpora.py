"""Sections ``<lane>.corpus``, ``<lane>.split`` and ``image.crop``: what is listed, divided and cut."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, RootModel, model_validator

from dejavu.params.base import Names, Needs, Positive, Section, Share
from dejavu.params.caption_corpora import CaptionCorpus
from dejavu.params.external_files import BelowRoot, CorpusRoot, File, Outside
from dejavu.params.roles import GivenRoles


class CorpusSection(Section):
    """What every corpus states."""

    max_dropped_share: Share  # more unusable images than this share of all is an error


class GlyphsParams(CorpusSection):
    """Generated images of one glyph on a textured background; the truth is known exactly."""

    adapter: Literal["glyphs"]
    n_images: Positive
    n_labels: Annotated[int, Field(ge=2, le=20)]
    n_scenes: Annotated[int, Field(ge=1, le=5)]
    favorite_share: Share  # P(a scene's favorite label | scene) beyond the uniform rest
    size_px: Annotated[int, Field(ge=32, le=512)]
    planted_share: Share  # samples repeated in training, if their role is trained on


class TinyImageNetParams(CorpusSection):
    """The official layout of Tiny ImageNet."""

    needs = Needs(fetch=("tiny_imagenet",))
    adapter: Literal["tiny_imagenet"]
    root: CorpusRoot  # folder with wnids.txt, relative to machine.data_root
    use: Annotated[tuple[Literal["train", "val"], ...], Field(strict=False, min_length=1)]
    wnids: Names | None  # only these classes; null: all in wnids.txt


class ImageNetParams(CorpusSection):
    """ImageNet-1k in any of its usual layouts; boxes are XML files of the same names."""

    needs = Needs(hint="register at image-net.org; boxes are a separate archive")
    adapter: Literal["imagenet"]
    root: CorpusRoot  # folder with train/ and val/, or with ILSVRC/, relative to machine.data_root
    use: Annotated[tuple[Literal["train", "val"], ...], Field(strict=False, min_length=1)]
    # folders of XML files, relative to root, searched in order; []: no boxes
    boxes: Annotated[Names, Outside(below="root", has_corpus=True)]
    val_labels: (
        BelowRoot | None
    )  # for an unsorted val/: LOC_val_solution.csv or the devkit, below root
    wnids: Names | None  # only these classes; null: all folders of train/
    hash_images: bool  # false: read sizes only; then no duplicate or damaged image is found


class ImageFolderParams(CorpusSection):
    """One folder of images per class."""

    adapter: Literal["image_folder"]
    root: CorpusRoot  # folder of class folders, relative to machine.data_root
    use: (
        Names | None
    )  # folders below root that hold the class folders, e.g. [train, heldout]; null: root does
    boxes: BelowRoot | None  # .csv, .parquet or COCO .json, relative to root; null: no boxes
    # boxes: an image shows what its first box is labeled with, and folders mean nothing
    labels: Literal["folders", "boxes"] = "folders"

    @model_validator(mode="after")
    def _require_boxes(self) -> "ImageFolderParams":
        if self.labels == "boxes" and self.boxes is None:
            raise ValueError("labels: boxes needs a file of boxes with labels: set boxes")
        return self


class SamplesTableParams(CorpusSection):
    """A list of samples whose images stay elsewhere, in either lane; nothing here can look at them."""

    adapter: Literal["samples_table"]
    path: File  # .csv, .tsv, .parquet or .jsonl, relative to machine.data_root


AnyCorpus = (
    GlyphsParams
    | TinyImageNetParams
    | ImageNetParams
    | ImageFolderParams
    | SamplesTableParams
    | CaptionCorpus
)


class CorpusParams(RootModel[Annotated[AnyCorpus, Field(discriminator="adapter")]]):
    """Section ``<lane>.corpus``: the adapter and its settings are in `root`."""

    model_config = ConfigDict(frozen=True, strict=True)


class RoleShares(Section):
    """Share of all images that each role gets; what is left over is unused."""

    target: Share
    reference: Share
    public: Share
    control: Share

    @model_validator(mode="after")
    def _fit(self) -> "RoleShares":
        total = self.target + self.reference + self.public + self.control
        if total > 1 + 1e-9:
            raise ValueError(f"the shares add up to {total:g}, expected at most 1")
        return self


class RoleCaps(Section):
    """Most samples of one label that each role gets; null: no limit."""

    target: Positive | None
    reference: Positive | None
    public: Positive | None
    control: Positive | None


class SplitParams(Section):
    """Section ``<lane>.split``: how samples get their roles."""

    shares: RoleShares  # of the samples whose role is drawn
    roles_from: GivenRoles | None  # folders, a table or the authors' partitions; null: all drawn
    without_box: Literal["public"] | None  # role of samples that no crop fits; null: as any other
    max_per_label: Positive | RoleCaps | None  # one limit for all roles, or one per role
    near_duplicate_bits: Annotated[int, Field(ge=0, le=16)] | None  # null: identical files only


class CropParams(Section):
    """Section ``image.crop``: what part of an image the adversary holds."""

    rule: Literal["largest", "interval", "corner"]
    min_side_px: Annotated[int, Field(ge=0)]  # a crop's shorter side must exceed this
    corner: Literal["lower_left", "lower_right", "upper_left", "upper_right"]
    corner_fraction: Annotated[float, Field(gt=0, le=1)]  # of width and of height
