"""Files of data sets that are damaged, odd or in the way, for `benchmarks.hostile_inputs`."""

import functools
import io
import json
import os
import random
import struct
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dejavu.corpora import build
from dejavu.params.corpora import CorpusParams
from tests.corpora.image_files import BAD, GOOD, photo
from tests.corpora.limits import NO_LIMITS
from tests.corpora.test_build import machine

Act = Callable[[], object]
Case = tuple[str, Act]
IN_THE_WAY = (
    "pipe",
    "device",
    "zeros",
    "folder",
    "nowhere",
    "loop",
    "sparse",
    "latin-1",
    "utf-16",
    "empty",
)
ODD_JSON = (
    None, True, -1, 0, 1e308, 10**30, "", "x", "\ud800", [], {}, [[]], [None] * 4, [1, 2, 3], [1e308] * 4,
    ["a"] * 4, {"a": 1},
)  # fmt: skip
ENTITIES = '<!DOCTYPE x [<!ENTITY a "' + "x" * 1000 + '">' + "".join(
    f'<!ENTITY {b} "{f"&{a};" * 30}">' for a, b in zip("abcde", "bcdef", strict=True)
) + "]>"  # fmt: skip


def images() -> Iterator[Case]:
    """A folder of classes with one file that is no image, or not quite."""
    settings = {"adapter": "image_folder", "root": "photos", "use": None, "boxes": None}
    act = functools.partial(_corpus, settings)
    for name, content in {**GOOD, **{name: raw for name, (raw, _) in BAD.items()}}.items():
        yield f"image {name}", having(f"photos/a/{name}", content, act)
        rng = random.Random(name)  # the same inputs each time
        for n in range(4):
            yield (
                f"image {name}, damaged {n}",
                having(f"photos/a/{name}", damaged(content, rng), act),
            )
    for kind in IN_THE_WAY:
        yield f"image is {kind}", having("photos/a/b.jpg", kind, act)
    for side in (
        8944,
        9459,
        13_377,
        30_000,
    ):  # the limit of params.yaml, Pillow's, twice that, more
        yield f"{side} pixels wide and high", having("photos/a/b.png", _flat_png(side), act)


def archives() -> Iterator[Case]:
    """Shards of which bits are flipped, and members whose names are no names."""
    settings = {
        "adapter": "webdataset", "root": "shards", "shards": "*.tar", "caption_extensions": ["txt", "json"],
    }  # fmt: skip
    act = functools.partial(_corpus, settings)
    whole = _tar({f"{n:03}.{kind}": raw for n in range(5) for kind, raw in _pair(n)})
    rng = random.Random(4)  # the same inputs each time
    for n in range(60):
        yield f"shard, damaged {n}", having("shards/0.tar", damaged(whole, rng), act)
    for n in range(20):
        yield f"shard, cut {n}", having("shards/0.tar", whole[: rng.randrange(len(whole))], act)
    for kind in IN_THE_WAY:
        yield f"shard is {kind}", having("shards/0.tar", kind, act)
    for name in ("../x", "/etc/x", "a\x1b[31m", "é" * 100, "x" * 300, "a/" * 60 + "b"):
        raw = _tar({f"{name}.{kind}": raw for kind, raw in _pair(0)})
        yield f"member {name[:20]!r}", having("shards/0.tar", raw, act)
    pax = io.BytesIO()
    with tarfile.open(fileobj=pax, mode="w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("a.jpg")
        member.pax_headers = {"comment": "x" * (64 << 20)}
        archive.addfile(member)
    yield "PAX bomb", having("shards/0.tar", pax.getvalue(), act)


def annotations() -> Iterator[Case]:
    """COCO's JSON with one value of another kind, XML in all encodings, class names that are no text."""
    settings = {
        "adapter": "coco", "root": "coco", "captions": "c.json", "instances": "i.json",
        "caption_choice": "first",
    }  # fmt: skip
    act = functools.partial(_corpus, settings)
    image = {"id": 1, "file_name": "a.jpg", "width": 24, "height": 16}
    captions = {"images": [image], "annotations": [{"id": 1, "image_id": 1, "caption": "x"}]}
    box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}
    instances = {"images": [image], "annotations": [box], "categories": [{"id": 1, "name": "y"}]}
    for file, other, content in (("c", "i", captions), ("i", "c", instances)):
        beside = {
            f"coco/{other}.json": json.dumps(instances if other == "i" else captions).encode()
        }
        for where in _places(content):
            for n, odd in enumerate(ODD_JSON):
                raw = json.dumps(_replaced(content, where, odd)).encode()
                yield (
                    f"{file}.json {where} = odd {n}",
                    having(f"coco/{file}.json", raw, act, **beside),
                )
        for kind in (*IN_THE_WAY, "[" * 100_000, "{", '{"images": NaN}'):
            yield f"{file}.json is {kind[:10]}", having(f"coco/{file}.json", kind, act, **beside)
    yield from _xml()


def _xml() -> Iterator[Case]:
    settings = {
        "adapter": "imagenet", "root": "photos", "use": ["train"], "boxes": ["xml"], "val_labels": None,
        "wnids": None, "hash_images": True,
    }  # fmt: skip
    act = functools.partial(_corpus, settings)
    corner = (
        "<object><name>n01</name><bndbox>"
        "<xmin>{}</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>"
    )
    body = (
        "<annotation><size><width>24</width><height>16</height></size>" + corner + "</annotation>"
    )
    beside = {"photos/train/n01/n01_1.JPEG": photo(1)}
    texts: dict[str, bytes | str] = {kind: kind for kind in IN_THE_WAY}
    for encoding in ("utf-8", "utf-16", "latin-1", "utf-7", "no-such", "cp037"):
        known = "utf-8" if encoding == "no-such" else encoding
        head = f'<?xml version="1.0" encoding="{encoding}"?>'
        texts[f"in {encoding}"] = (head + body.format(1)).encode(known)
    texts |= {
        f"corner {odd!r}": body.format(odd).encode()
        for odd in ("nan", "inf", "-1e999", "", "1 2", "0x1", "1e9", "9" * 5000, "é", "&#0;")
    }
    texts["entities"] = (ENTITIES + body.format("&f;")).encode()
    texts["a file of the system"] = (
        '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>' + body.format("&f;")
    ).encode()
    texts["deep"] = b"<a>" * 200_000
    texts["many"] = b"<annotation>" + corner.format(1).encode() * 50_000 + b"</annotation>"
    for name, content in texts.items():
        yield f"XML {name}", having("photos/xml/train/n01/n01_1.xml", content, act, **beside)


def _corpus(settings: dict[str, Any]) -> None:
    out = Path("out")
    build.build(
        settings=build.BuildSettings(
            lane="image" if settings["adapter"] in ("image_folder", "imagenet") else "caption",
            corpus=CorpusParams.model_validate(settings | {"max_dropped_share": 1.0}).root,
            limits=NO_LIMITS, seed=0, machine=machine(".", 1),
        ),
        out=build.CorpusTables(
            samples=out / "samples.parquet", labels=out / "labels.parquet", images=out / "images"
        ),
    )  # fmt: skip


def having(name: str, content: bytes | str, act: Act, **beside: bytes) -> Act:
    """Return a call of `act` in a folder with a file, or with what stands in a file's place."""

    def run() -> object:
        for other, raw in beside.items():
            _put(Path(other), raw)
        _put(Path(name), content)
        return act()

    return run


def _put(path: Path, content: bytes | str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content == "pipe":
        os.mkfifo(path)
    elif content == "folder":
        path.mkdir()
    elif content in ("device", "zeros", "nowhere", "loop"):
        target = {"device": "/dev/zero", "zeros": "/dev/zero", "nowhere": "gone"}.get(
            content, path.name
        )
        path.symlink_to(target)
    elif content == "sparse":
        with path.open("wb") as stream:
            stream.truncate(1 << 40)
    else:
        odd = {"latin-1": b"\xe9" * 99, "utf-16": "a,b\n".encode("utf-16"), "empty": b""}
        path.write_bytes(odd.get(content, content.encode()))


def damaged(whole: bytes, rng: random.Random) -> bytes:
    """Return bytes of which some are others."""
    raw = bytearray(whole)
    for _ in range(rng.randint(1, 12) if raw else 0):
        raw[rng.randrange(len(raw))] = rng.randrange(256)
    return bytes(raw)


def _flat_png(side: int) -> bytes:
    """Return a black square, made row by row: what it takes to hold it is the reader's business."""
    packed, row = zlib.compressobj(), bytes(1 + -(-side // 8))
    parts = [packed.compress(row) for _ in range(side)] + [packed.flush()]
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0),
        b"IDAT": b"".join(parts),
        b"IEND": b"",
    }
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(raw)) + kind + raw + struct.pack(">I", zlib.crc32(kind + raw))
        for kind, raw in chunks.items()
    )


def _pair(n: int) -> Iterator[tuple[str, bytes]]:
    yield "jpg", photo(n)
    yield "txt", b"a caption"
    yield "json", b'{"caption": "x"}'


def _tar(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, raw in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(raw)
            archive.addfile(member, io.BytesIO(raw))
    return stream.getvalue()


def _places(value: Any, where: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _places(item, (*where, key))
    elif isinstance(value, list):
        yield from _places(value[0], (*where, 0)) if isinstance(value[0], dict) else ()
    yield where


def _replaced(value: Any, where: tuple[Any, ...], new: object) -> Any:
    if not where:
        return new
    if isinstance(value, list):
        return [_replaced(value[0], where[1:], new)]
    return value | {where[0]: _replaced(value[where[0]], where[1:], new)}


KINDS: dict[str, Callable[[], Iterator[Case]]] = {
    "images": images, "archives": archives, "annotations": annotations,
}  # fmt: skip
