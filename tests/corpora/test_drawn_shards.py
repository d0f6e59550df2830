"""Whatever members a shard has, each image comes with its own caption, or what is lost is counted."""

import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dejavu.corpora.webdataset import WebDataset
from dejavu.params.caption_corpora import WebDatasetParams
from tests.corpora.image_files import photo

IMAGES = [photo(i) for i in range(3)]
KINDS = (
    tarfile.REGTYPE,
    tarfile.REGTYPE,
    tarfile.REGTYPE,
    tarfile.LNKTYPE,
    tarfile.SYMTYPE,
    tarfile.DIRTYPE,
)
MEMBERS = st.lists(
    st.tuples(
        st.integers(0, 2),  # the key
        st.sampled_from(["jpg", "JPG", "png", "txt", "json", "input.jpg", "cls", ""]),
        st.sampled_from(KINDS),
        st.sampled_from(["", "./", "a/"]),
    ),
    max_size=8,
)  # fmt: skip


def words(key: int) -> bytes:
    return f"words of {key}".encode()


@given(members=MEMBERS)
@settings(deadline=None, max_examples=200, derandomize=True)
@pytest.mark.slow
def test_an_image_has_its_own_caption_or_a_problem(tmp_path_factory, members):
    folder = tmp_path_factory.mktemp("drawn")
    with tarfile.open(folder / "0.tar", "w") as archive:
        for key, end, kind, start in members:
            info = tarfile.TarInfo(f"{start}{key:03}.{end}" if end else f"{start}{key:03}")
            content = words(key) if end == "txt" else b"{}" if end == "json" else IMAGES[key]
            info.type, info.linkname = kind, "000.jpg"
            info.size = len(content) if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(content))
    settings_ = WebDatasetParams(
        adapter="webdataset", root=str(folder), shards="*.tar", caption_extensions=("txt", "json"),
        max_dropped_share=1.0,
    )  # fmt: skip
    found = {record.name: record for record in WebDataset(settings_, 0, "/").records()}
    for name, record in found.items():
        if record.problem is None:
            key = int(name[-3:])
            assert record.caption in (None, words(key).decode())  # without one it is counted later
    whole = [
        (key, start)
        for key, end, kind, start in members
        if kind == tarfile.REGTYPE and end == "jpg"
    ]
    for key, start in whole:
        assert any(f"{key:03}" in name and start.strip("./") in name for name in found)


def test_every_image_whose_name_has_dots_is_counted(tmp_path):
    """A key ends at the first dot: twelve photographs named by their day would be one sample."""
    with tarfile.open(tmp_path / "0.tar", "w") as archive:
        for i in range(12):
            for end, content in (("jpg", IMAGES[0]), ("txt", b"words")):
                info = tarfile.TarInfo(f"2024.01.02_{i:02}.{end}")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    found = WebDataset(
        WebDatasetParams(
            adapter="webdataset", root=str(tmp_path), shards="*.tar", caption_extensions=("txt",),
            max_dropped_share=1.0,
        ), 0, "/",
    )  # fmt: skip
    records = list(found.records())
    assert [record.problem for record in records] == ["no_image"] * 12
    assert len({record.name for record in records}) == 12
