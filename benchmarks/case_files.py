"""Inputs that once gave a wrong number without a word: networks and files (see `benchmarks.case_inputs`)."""

import functools
import io
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from benchmarks.bad_input_world import NAMES, SIZE, built, folder, photos
from benchmarks.case_inputs import Row
from dejavu.models import packaged
from dejavu.models.clip.sentence_transformers import check_folder
from tests.corpora.image_files import photo
from tests.models import fixtures
from tests.models.encoders.test_released_folders import made


def _encoder(source: str, make: Callable[[Path], object], **entry: Any) -> None:
    make(Path("a.pth"))
    encoder = made(Path.cwd(), source, **entry)
    print(f"vectors of {dict(encoder.layers)}")


def _bare_timm(path: Path) -> None:
    save_file(timm.create_model("resnet18", num_classes=3).state_dict(), path)


def _text_folder(missing: str) -> None:
    original = packaged.locate(packaged.MINILM).parent
    shutil.copytree(original, "model", ignore=shutil.ignore_patterns("*.safetensors"))
    Path("model/model.safetensors").symlink_to(original / "model.safetensors")
    Path("model", missing).unlink()
    check_folder(Path("model"))


def networks() -> Iterator[Row]:
    """Kind D: facts about networks that shapes do not show."""
    yield (
        "D", "ViT without its number of heads, source: dino",
        "accepted; cosine to the true network 0.14–0.30",
        functools.partial(_encoder, "dino", fixtures.dino_vit_backbone, network="teacher"),
    )  # fmt: skip
    yield (
        "D", "timm weights of a name with several trainings, alone",
        "the library's defaults; pixels differ by 1.1 std",
        functools.partial(_encoder, "timm", _bare_timm, name="resnet18"),
    )  # fmt: skip
    yield (
        "D", "text folder without modules.json", "mean pooling without a word (cosine 0.61)",
        functools.partial(_text_folder, "modules.json"),
    )  # fmt: skip
    yield (
        "D", "EMA alone in a file", '"set source: …" although it is set: circular',
        functools.partial(
            _encoder, "vicreg",
            lambda path: torch.save({"state_dict_ema": torch.nn.Linear(2, 2).state_dict()}, path),
        ),
    )  # fmt: skip


def _shards(change: Callable[[bytes], bytes], *, times: int = 1) -> None:
    Path("shards").mkdir()
    keys = [f"{i:05}" for i in range(40)]
    with tarfile.open("plain.tar", "w") as archive:
        for key in keys * times:
            for end, content in (("jpg", photo(int(key))), ("txt", b"a caption " + key.encode())):
                info = tarfile.TarInfo(f"{key}.{end}")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    Path("shards/0.tar").write_bytes(change(Path("plain.tar").read_bytes()))
    Path("shards/1.tar").write_bytes(Path("plain.tar").read_bytes() if times == 1 else b"")
    pq.write_table(pa.table({"key": keys, "status": ["success"] * 40}), "shards/0.parquet")
    built(
        {"adapter": "webdataset", "root": "shards", "shards": "*.tar", "caption_extensions": ["txt"],
         "max_dropped_share": 0.01},
        "caption",
    )  # fmt: skip


def _float_tiff() -> None:
    photos()
    Image.fromarray(np.random.default_rng(0).random((60, 80), np.float32)).save("photos/a/x.tif")
    rows = built(folder())
    print({row["sample_name"]: row["problem"] for row in rows if row["problem"]})


def _odd_names() -> None:
    photos()
    for name in (".ipynb_checkpoints/0.jpg", "@eaDir/0.jpg", "0.jfif", "0"):
        path = Path("photos/a", name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(photo(3, size=SIZE))
    rows = built(folder())
    print(f"listed: {[row['sample_name'] for row in rows if row['sample_name'] not in NAMES]}")


def files() -> Iterator[Row]:
    """Kind E: files and listings."""
    yield (
        "E", "a truncated tar, 40 successes in the Parquet beside it", "29 of 80 images gone without a word",
        functools.partial(_shards, lambda raw: raw[: len(raw) // 3]),
    )  # fmt: skip
    yield (
        "E", "the same member twice", "second image with first caption",
        functools.partial(_shards, lambda raw: raw, times=2),
    )  # fmt: skip
    yield "E", "an empty shard", "stops everything", functools.partial(_shards, lambda _: b"")
    yield "E", "float TIFF", 'becomes black ("0 unusable")', _float_tiff
    yield (
        "E", "what systems leave behind; .jfif and no extension",
        ".ipynb_checkpoints, @eaDir become classes; .jfif and files without extension are skipped silently",
        _odd_names,
    )  # fmt: skip
