"""Inputs that once gave a wrong number without a word: what a check, a query or a model's file says of them.

See `benchmarks.case_inputs`: each is (kind, case, before, what it does).
"""

import functools
import io
import json
import os
import signal
import subprocess
import sys
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from pydantic import TypeAdapter
from ruamel.yaml import YAML

from benchmarks.bad_input_world import BOXES, NAMES, SIZE, built, folder, photos
from benchmarks.case_inputs import Row
from dejavu import params
from dejavu.check import check, data
from dejavu.commands import ask, formats
from dejavu.corpora.image_reader import ImageError, decode
from dejavu.params.corpora import CorpusParams
from dejavu.params.roles import TableRoles
from dejavu.run import external_files
from dejavu.search.knn import Search
from dejavu.splits import given_roles
from dejavu.splits.listing import Listing
from dejavu.splits.outcome import named
from tests.corpora.image_files import photo
from tests.paths import ROOT
from tests.search.slow import bank_of
from tests.splits.test_pixel_groups import grouped, product


def _project(**crop: Any) -> Path:
    """Write 40 images with boxes, and parameters that name them and one network."""
    photos()
    lines = [",".join(map(str, [name, *box])) for name, box in zip(NAMES, BOXES, strict=True)]
    Path("photos/boxes.csv").write_text("\n".join(["path,x0,y0,x1,y1", *lines]) + "\n")
    content = params.read(ROOT / "presets" / "tiny-imagenet.yaml")
    image = content["image"]
    image["corpus"] = folder("boxes.csv")
    image["split"]["shares"] = {"target": 0.2, "reference": 0.2, "public": 0.4, "control": 0.2}
    image["models"] = {"vicreg": image["models"]["vicreg"] | {"second_model": None}}
    image["neighbors"]["k"] = 5
    image["crop"] |= crop
    content["recipes"]["vicreg"]["batch_size"] = 3
    content["report"]["headline"]["image"]["reference"] = "classifier"
    content["machine"]["data_root"] = str(Path.cwd())
    with Path("params.yaml").open("w", encoding="utf-8") as stream:
        YAML().dump(content, stream)
    return Path("params.yaml")


def _checked(area: str, what: str, **crop: Any) -> None:
    findings = check(_project(**crop), page=Path("check.html"))
    for found in findings:
        if found.area == area and found.what.startswith(what):
            print(f"dejavu check, {found.what}: {found.status}: {found.detail}")


def _sheet() -> None:
    check(_project(), page=Path("check.html"))
    n = Path("check.html").read_text(encoding="utf-8").count('src="data:image/webp;base64,')
    print(f"dejavu check draws {n} of 40 images with boxes and crop")


def _odd_file() -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("odd")

    path = _project()
    with mock.patch.object(data.build, "adapter", broken):
        findings = check(path)
    (found,) = (each for each in findings if each.what.startswith("corpus (image_folder"))
    print(
        f"dejavu check, {found.what}: {found.status}: {found.detail}; {len(findings)} findings in all"
    )


def checks() -> Iterator[Row]:
    """What only a check or a page shows."""
    yield "A", "images drawn with boxes and crop", "nobody sees the above", _sheet
    yield "F", "one odd file", "kills all of check's findings", _odd_file
    yield (
        "seen on audits", "corner crops that are all too small", 'check ok, "0 of 9555 kept"',
        functools.partial(_checked, "image", "crops", rule="corner", corner_fraction=0.1),
    )  # fmt: skip
    yield "F", "model names like ViT-B/32", "pass check and break later", _named
    yield "F", "caption-lane errors", "name image.neighbors.*", _caption_lane
    yield "C", "leading zeros of path columns", "lost", _zeros


def _named() -> None:
    content = params.read(ROOT / "params.yaml")
    content["image"]["models"]["ViT-B/32"] = content["image"]["models"]["untrained"]
    with Path("params.yaml").open("w", encoding="utf-8") as stream:
        YAML().dump(content, stream)
    for found in check(Path("params.yaml")):
        if found.what == "image.models":
            print(f"dejavu check, {found.what}: {found.status}: {found.detail}")


def _caption_lane() -> None:
    bank = bank_of(np.eye(3, dtype=np.float32))
    search = Search(bank, metric="cosine", index="Flat", section="caption.retrieve")
    search.nearest(np.eye(3, dtype=np.float32), k=4, margin=0)


def _zeros() -> None:
    Path("roles.csv").write_text("sample_name,role\n007,target\n7,public\n")
    rows = pa.table({"sample_name": ["007", "7"], "uri": ["007", "7"]})
    listing = Listing.of_table(rows)
    codes, _ = given_roles.read(TableRoles(source="table", path="roles.csv"), listing, Path())
    roles = named(codes)
    print(f"007: {roles[0]}, 7: {roles[1]}")


def _decoded() -> None:
    for dtype, top, suffix in (
        (np.int32, 70_000, "TIFF"),
        (np.uint16, 255, "PNG"),
        (np.uint16, 4_095, "PNG"),
    ):
        encoded = io.BytesIO()
        Image.fromarray(np.linspace(0, top, 384).reshape(16, 24).astype(dtype)).save(
            encoded, suffix
        )
        try:
            decode(encoded.getvalue())
        except ImageError as error:
            print(f"{dtype.__name__} {suffix} up to {top}: counted as {error}")


def _endings() -> None:
    photos()
    for name, kind in (("1.jpe", "JPEG"), ("2.gif", "GIF"), ("3.avif", "AVIF"), ("4", "JPEG")):
        Path("photos/a", name).write_bytes(photo(3, size=SIZE, kind=kind))
    rows = built(folder())
    print(f"listed: {[row['sample_name'] for row in rows if row['sample_name'] not in NAMES]}")


def _composed() -> None:
    photos()
    of_file, of_table = (unicodedata.normalize(form, "caf\xe9") for form in ("NFD", "NFC"))
    Path("photos/a", f"{of_file}.jpg").write_bytes(photo(77, size=SIZE))
    Path("photos/boxes.csv").write_text(f"path,x0,y0,x1,y1\na/{of_table}.jpg,5,4,70,50\n")
    rows = {row["sample_name"]: row["boxes"] for row in built(folder("boxes.csv"))}
    print(
        f"{len(rows[f'a/{of_file}.jpg'])} box of the image whose name the file system composed anew"
    )


def _on_white() -> None:
    groups = grouped(Path.cwd(), [product(i) for i in range(40)], [0] * 40)
    print(f"{len(set(groups))} groups of 40 images")


def _replaced() -> None:
    photos()
    section = {"image/corpus": TypeAdapter(CorpusParams).validate_python(folder())}
    records = []
    for content in (None, photo(9, size=SIZE)):
        path = Path("photos", NAMES[0])
        if content is not None:
            size, times = path.stat().st_size, (path.stat().st_atime, path.stat().st_mtime)
            path.with_name("new").write_bytes(content[:size].ljust(size, b"\0"))
            path.with_name("new").replace(path)
            os.utime(path, times)
        external_files.record(
            settings=external_files.ExternalSettings(sections=section, data_folder=Path()),
            out=Path("out"),
        )
        records.append(Path("out/image/corpus.json").read_bytes())
    print("the record of the corpus changed" if records[0] != records[1] else "nothing changed")


def _half_an_emoji() -> None:
    photos()
    rows = [{"path": name, "caption": "smile \ud83d"} for name in NAMES]
    Path("photos/t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = built(
        {"adapter": "captions_table", "root": "photos", "table": "t.jsonl", "path_column": "path",
         "caption_column": "caption", "max_dropped_share": 0.01},
        "caption",
    )  # fmt: skip
    print(f"the first caption {found[0]['caption']!r}")


def files() -> Iterator[Row]:
    """Files and listings."""
    yield "E", "32-bit TIFF, 16-bit PNG of a low range", 'black ("0 unusable")', _decoded
    yield (
        "E",
        ".jpe, .gif, .avif and no extension",
        "skipped silently (one class had 0 left)",
        _endings,
    )
    yield "E", "NFC and NFD paths", "do not match", _composed
    yield "E", "product shots on white", "168 of 240 are duplicates", _on_white
    yield "E", "a file replaced by one of equal size and time", "reruns nothing", _replaced
    yield "F", "half an emoji in a JSON caption", "kills the corpus stage", _half_an_emoji


def _tables() -> None:
    Path("data/image").mkdir(parents=True)
    pq.write_table(
        pa.table({"label_id": range(1000), "label": [f"label {i}" for i in range(1000)]}),
        "data/image/labels.parquet",
    )


def _asked(query: str) -> None:
    _tables()
    print(" ".join(formats.json_text(ask.rows(query, Path("data"), Path("none.yaml"))).split()))


_COMMAND = (sys.executable, "-m", "dejavu.cli", "sql")


def _stopped() -> None:
    _tables()
    long = (
        "SELECT count(*) FROM range(100000000) a, range(100000) b WHERE a.range % 7 = b.range % 11"
    )
    running = subprocess.Popen(  # a fixed command
        [*_COMMAND, long], stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    time.sleep(8)
    running.send_signal(signal.SIGINT)
    started = time.monotonic()
    _, told = running.communicate()
    print(
        f"{told.strip()} (exit code {running.returncode}, within {1 + int(time.monotonic() - started)} s)"
    )


def _piped() -> None:
    _tables()
    done = subprocess.run(  # a fixed command
        [*_COMMAND, "FROM labels"], stdout=subprocess.PIPE, text=True, check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    print(f"{len(done.stdout.splitlines())} lines: 1000 rows below a line of names and a rule")


def queries() -> Iterator[Row]:
    """What `dejavu sql` answers."""
    join = "FROM labels a, labels b WHERE a.label_id = 1 AND b.label_id = 2"
    yield (
        "F", "a join with two columns of one name", "one column's values under the other's name",
        functools.partial(_asked, f"SELECT a.label_id, b.label_id {join}"),
    )  # fmt: skip
    yield (
        "F", "sum() and NaN as JSON", "text; invalid",
        functools.partial(_asked, "SELECT sum(label_id) AS total, 'nan'::DOUBLE AS n FROM labels"),
    )  # fmt: skip
    yield "F", "Ctrl-C", "takes 8 s", _stopped
    yield "F", "dejavu sql in a pipe", "shortens rows", _piped
