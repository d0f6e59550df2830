"""Draw the figure of the embedded corpus: images with their boxes, and what the adversary holds.

Run after `dvc repro`: ``python -m scripts.draw_glyphs`` writes docs/figures/glyphs.png.
"""

from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from dejavu.corpora.glyph_shapes import font_path
from dejavu.corpora.image_reader import ImageReader
from dejavu.corpora.textures import SCENES
from dejavu.tables.schemas import CROPS, LABELS, SAMPLES

DATA = Path("data/image")
OUT = Path("docs/figures/glyphs.png")
COLUMNS, ENLARGED, GAP, LEFT, LINE = 6, 2, 8, 62, 16
COLORS = 160  # keeps the file small; the images are noisy on purpose


def main() -> None:
    """Write two rows per scene: images with their label and box, and their background crops."""
    samples = {row["sample_id"]: row for row in SAMPLES.read(DATA / "samples.parquet").to_pylist()}
    labels = LABELS.read(DATA / "labels.parquet")["label"].to_pylist()
    crops = CROPS.read(DATA / "crops.parquet").to_pylist()
    side = samples[crops[0]["sample_id"]]["width_px"]
    sheet = Image.new(
        "RGB", (LEFT + COLUMNS * (side + GAP), len(SCENES) * 2 * (side + LINE)), "white"
    )
    sheet = sheet.resize((ENLARGED * sheet.width, ENLARGED * sheet.height))
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.truetype(font_path(), ENLARGED * 10)

    def write(x: int, y: int, text: str) -> None:
        pen.text((ENLARGED * x, ENLARGED * y), text, "black", font)

    def paste(x: int, y: int, image: Image.Image) -> None:
        size = (ENLARGED * image.width, ENLARGED * image.height)
        sheet.paste(image.resize(size, Image.Resampling.NEAREST), (ENLARGED * x, ENLARGED * y))

    with ImageReader.open(DATA / "images", ".") as reader:
        for number, scene in enumerate(SCENES):
            top = number * 2 * (side + LINE)
            write(4, top + LINE + side // 2 - 6, scene)
            write(4, top + 2 * LINE + side + side // 2 - 6, "its crop")
            of_scene = [c for c in crops if samples[c["sample_id"]]["truth"]["scene"] == scene]
            for column, crop in enumerate(of_scene[:COLUMNS]):
                sample, left = samples[crop["sample_id"]], LEFT + column * (side + GAP)
                image = reader.read(sample["uri"])
                write(left, top + 2, labels[sample["label_id"]])
                paste(left, top + LINE, boxed(image, sample["boxes"][0]))
                part = image.crop((crop["x0"], crop["y0"], crop["x1"], crop["y1"]))
                paste(left + crop["x0"], top + LINE + side + 8 + crop["y0"], part)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    sheet.quantize(COLORS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        OUT, optimize=True
    )


def boxed(image: Image.Image, box: dict[str, Any]) -> Image.Image:
    """Return a copy of `image` with the outline of the object's box."""
    copy = image.copy()
    corners = (box["x0"], box["y0"], box["x1"] - 1, box["y1"] - 1)
    ImageDraw.Draw(copy).rectangle(corners, outline="white")
    return copy


if __name__ == "__main__":
    main()
