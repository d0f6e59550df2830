"""Files outside the graph are noted by names, sizes and contents, and nothing is read twice."""

import json
import os
import time

import pytest
from pydantic import TypeAdapter

from dejavu import params
from dejavu.params.base import Section
from dejavu.params.caption import CaptionModels
from dejavu.params.corpora import CorpusParams
from dejavu.params.encoders import Models
from dejavu.params.external_files import OutsidePath, paths_of
from dejavu.params.roles import GivenRoles
from dejavu.run import external_files, file_hashes
from tests.paths import ROOT


def of(schema, value):
    return TypeAdapter(schema).validate_python(value)


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(file_hashes, "SETTLED_SECONDS", -1.0)  # what was just written may be kept


def put(path, content, *, age=60.0):
    """Write a file that looks `age` seconds old."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (time.time() - age,) * 2)


def released(weights):
    return {
        "source": "vicreg", "recipe": "released", "weights": weights, "trained_on": "target",
        "second_model": None, "layers": ["projector"],
    }  # fmt: skip


def note(tmp_path, **models):
    sections = {"image/models": of(Models, {k: released(v) for k, v in models.items()})}
    external_files.record(
        settings=external_files.ExternalSettings(sections=sections, data_folder=tmp_path),
        out=tmp_path / "out",
    )
    files = (tmp_path / "out/image/models").glob("*.json")
    return {file.stem: json.loads(file.read_text())["outside"] for file in files}


def test_every_entry_has_its_own_record_of_its_own_files(tmp_path):
    put(tmp_path / "weights/a.pth", b"abc")
    found = note(tmp_path, a="weights/a.pth", b="weights/b.pth")
    sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert found == {
        "a": [{"path": "weights/a.pth", "bytes": 3, "sha256": sha256}],
        "b": [{"path": "weights/b.pth", "is_missing": True}],
    }


def test_another_content_under_the_same_name_changes_one_record_only(tmp_path):
    put(tmp_path / "a.pth", b"abc")
    put(tmp_path / "b.pth", b"abc")
    before = note(tmp_path, a="a.pth", b="b.pth")
    put(tmp_path / "b.pth", b"abd", age=30.0)
    after = note(tmp_path, a="a.pth", b="b.pth")
    assert after["a"] == before["a"]
    assert after["b"] != before["b"]


def test_what_did_not_change_is_not_read_again(tmp_path, monkeypatch):
    put(tmp_path / "a.pth", b"abc")
    before = note(tmp_path, a="a.pth")
    monkeypatch.setattr(file_hashes.hashlib, "file_digest", None)
    assert note(tmp_path, a="a.pth") == before
    put(tmp_path / "a.pth", b"abc", age=30.0)  # the same bytes, written again
    with pytest.raises(TypeError):
        note(tmp_path, a="a.pth")


def test_a_file_written_a_moment_ago_is_read_again(tmp_path, monkeypatch):
    """A second write within one tick of the clock changes neither its size nor its times."""
    monkeypatch.setattr(file_hashes, "SETTLED_SECONDS", 2.0)
    put(tmp_path / "a.pth", b"abc", age=0.0)
    before = note(tmp_path, a="a.pth")
    monkeypatch.setattr(file_hashes.hashlib, "file_digest", None)
    with pytest.raises(TypeError):
        note(tmp_path, a="a.pth")
    assert before["a"][0]["bytes"] == 3


def test_records_do_not_tell_where_the_data_lies_or_when(tmp_path):
    for folder, age in (("one", 50.0), ("two", 5000.0)):
        put(tmp_path / folder / "photos/a/1.jpg", b"jpg", age=age)
        put(tmp_path / folder / "w.pth", b"w", age=age)
        sections = {
            "image/corpus": of(CorpusParams, folder_corpus()),
            "image/models": of(Models, {"m": released("w.pth")}),
        }
        external_files.record(
            settings=external_files.ExternalSettings(
                sections=sections, data_folder=tmp_path / folder
            ),
            out=tmp_path / f"out_{folder}",
        )
    for name in ("image/corpus.json", "image/models/m.json"):
        one, two = ((tmp_path / f"out_{folder}" / name).read_bytes() for folder in ("one", "two"))
        assert one == two
        assert str(tmp_path).encode() not in one


def folder_corpus(**changes):
    return {
        "adapter": "image_folder", "root": "photos", "use": None, "boxes": None,
        "max_dropped_share": 0.0, **changes,
    }  # fmt: skip


def listed(tmp_path, corpus):
    external_files.record(
        settings=external_files.ExternalSettings(
            sections={"image/corpus": corpus}, data_folder=tmp_path
        ),
        out=tmp_path / "out",
    )
    return json.loads((tmp_path / "out/image/corpus.json").read_text())["outside"][0]


def replaced(path, content):
    """Put another file of the same size and the same time of change in the place of one."""
    status = path.stat()
    time.sleep(0.02)  # one tick of the clock
    path.with_name("new").write_bytes(content)
    os.utime(path.with_name("new"), ns=(status.st_atime_ns, status.st_mtime_ns))
    path.with_name("new").replace(path)


def test_an_image_replaced_by_one_of_equal_size_and_time_is_noticed(tmp_path):
    corpus = of(CorpusParams, folder_corpus())
    put(tmp_path / "photos/a/1.jpg", b"123")
    put(tmp_path / "photos/b/2.jpg", b"4567")
    first = listed(tmp_path, corpus)
    assert (first["files"], first["bytes"]) == (2, 7)
    assert listed(tmp_path, corpus) == first
    replaced(tmp_path / "photos/b/2.jpg", b"7654")
    assert listed(tmp_path, corpus) != first
    replaced(tmp_path / "photos/b/2.jpg", b"4567")
    assert listed(tmp_path, corpus) == first
    (tmp_path / "photos/b/2.jpg").rename(tmp_path / "photos/a/2.jpg")
    assert listed(tmp_path, corpus) != first


def test_an_unchanged_corpus_is_read_once(tmp_path, monkeypatch):
    corpus = of(CorpusParams, folder_corpus())
    put(tmp_path / "photos/a/1.jpg", b"123")
    put(tmp_path / "photos/a/.DS_Store", b"left by a system")
    first = listed(tmp_path, corpus)
    assert first["files"] == 1
    monkeypatch.setattr(file_hashes.hashlib, "file_digest", None)
    assert listed(tmp_path, corpus) == first


def test_a_link_that_leads_back_ends(tmp_path):
    put(tmp_path / "photos/a/1.jpg", b"123")
    (tmp_path / "photos/a/again").symlink_to(tmp_path / "photos")
    assert listed(tmp_path, of(CorpusParams, folder_corpus()))["files"] == 1


@pytest.mark.timeout(60)
@pytest.mark.parametrize("target", ["/", "/proc", "/proc/self", "/sys"])
def test_a_link_to_all_there_is_ends(tmp_path, target):
    put(tmp_path / "photos/a/1.jpg", b"123")
    (tmp_path / "photos/a/out").symlink_to(target)
    assert listed(tmp_path, of(CorpusParams, folder_corpus()))["files"] == 1


@pytest.mark.timeout(60)
@pytest.mark.parametrize("target", ["/proc/kmsg", "/proc/kcore"])
def test_a_link_to_a_file_without_end_ends(tmp_path, target):
    put(tmp_path / "photos/a/1.jpg", b"123")
    (tmp_path / "photos/a/2.jpg").symlink_to(target)
    assert listed(tmp_path, of(CorpusParams, folder_corpus()))["files"] in (
        1,
        2,
    )  # not all systems have it


@pytest.mark.timeout(60)
def test_a_terabyte_of_holes_counts_by_its_size(tmp_path, capsys):
    put(tmp_path / "photos/a/1.jpg", b"")
    os.truncate(tmp_path / "photos/a/1.jpg", 1 << 40)
    first = listed(tmp_path, of(CorpusParams, folder_corpus()))
    assert "1099.5 GB of holes" in capsys.readouterr().err
    os.truncate(tmp_path / "photos/a/1.jpg", 1 << 41)
    assert listed(tmp_path, of(CorpusParams, folder_corpus()))["sha256"] != first["sha256"]


def test_images_that_no_stage_hashes_count_by_names_and_sizes(tmp_path, monkeypatch):
    corpus = of(
        CorpusParams,
        {
            "adapter": "imagenet", "root": "photos", "use": ["train"], "wnids": None, "boxes": [],
            "val_labels": None, "hash_images": False, "max_dropped_share": 0.0,
        },
    )  # fmt: skip
    put(tmp_path / "photos/train/n1/1.jpg", b"123")
    monkeypatch.setattr(file_hashes.hashlib, "file_digest", None)
    first = listed(tmp_path, corpus)
    put(tmp_path / "photos/train/n1/1.jpg", b"1234")
    assert listed(tmp_path, corpus)["names_and_sizes_sha256"] != first["names_and_sizes_sha256"]


def test_a_file_of_boxes_beside_the_corpus_counts_by_content(tmp_path):
    corpus = of(CorpusParams, folder_corpus(boxes="../boxes.csv"))
    assert list(paths_of(corpus)) == [
        OutsidePath("photos", True, "**/*"), OutsidePath("photos/../boxes.csv", False, "**/*"),
    ]  # fmt: skip


def test_a_folder_of_weights_counts_by_the_contents_of_its_files(tmp_path):
    entry = {
        "source": "sentence_transformers", "recipe": "released", "weights": "gte", "prompt": "",
        "second_model": None, "modes": ["t2t"],
    }  # fmt: skip
    models = of(CaptionModels, {"gte": entry})
    put(tmp_path / "gte/config.json", b"{}")
    put(tmp_path / "gte/1_Pooling/config.json", b"{}")

    def digest():
        external_files.record(
            settings=external_files.ExternalSettings(
                sections={"caption/models": models}, data_folder=tmp_path
            ),
            out=tmp_path / "out",
        )
        facts = json.loads((tmp_path / "out/caption/models/gte.json").read_text())["outside"][0]
        assert facts["files"] == 2
        return facts["sha256"]

    before = digest()
    put(tmp_path / "gte/1_Pooling/config.json", b"[]", age=30.0)
    assert digest() != before


def test_of_a_folder_of_partitions_only_positions_count(tmp_path):
    roles = of(
        GivenRoles,
        {
            "source": "partitions",
            "folder": "parts",
            "partitions": {"bbox_A": "target"},
            "folders": {},
        },
    )
    put(tmp_path / "parts/bbox_A.npy", b"1")
    put(tmp_path / "parts/notes.txt", b"1")
    external_files.record(
        settings=external_files.ExternalSettings(
            sections={"image/split": roles}, data_folder=tmp_path
        ),
        out=tmp_path / "out",
    )
    facts = json.loads((tmp_path / "out/image/split.json").read_text())["outside"]
    assert facts[0]["files"] == 1


def test_every_path_in_every_section_is_marked():
    """A field that names a path by its meaning but bears no mark would change unseen."""
    named = {"path", "weights", "root", "table", "captions", "instances", "folder", "boxes"}
    unmarked = {
        f"{section.__name__}.{name}"
        for section in _sections()
        for name, field in section.model_fields.items()
        if name in named and "str" in str(field.annotation) and "Outside" not in repr(field)
    }
    code = {"DeticParams.folder"}  # a checkout of code; the files in it that are read are marked
    assert unmarked - code == set()


def _sections(parent=Section):
    import importlib

    for file in (ROOT / "dejavu/params").glob("*.py"):
        importlib.import_module(f"dejavu.params.{file.stem}")
    for section in parent.__subclasses__():
        yield section
        yield from _sections(section)


@pytest.mark.slow
def test_the_stage_takes_the_parameters_of_this_project(tmp_path):
    from stages import inputs as script

    place = {"out": tmp_path / "out", "code": tmp_path / "code"}
    script.main(params=ROOT / "params.yaml", graph=ROOT / "dvc.yaml", **place)
    names = params.read(ROOT / "params.yaml")["image"]["models"]
    assert {file.stem for file in (tmp_path / "out/image/models").glob("*.json")} == set(names)
