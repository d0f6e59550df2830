"""`dejavu verify` finds what DVC would restore without looking: forged, rotten and swapped results."""

import hashlib
import json
import os

import pytest
from typer.testing import CliRunner

from dejavu import cli
from dejavu.commands import recorded_hashes
from dejavu.errors import ArtifactError


def md5(content):
    return hashlib.md5(content).hexdigest()


def place(project, name):
    return project / ".dvc" / "cache" / "files" / "md5" / name[:2] / name[2:]


def store(project, content, name=None):
    file = place(project, name or md5(content))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return md5(content)


FILES = {"a.parquet": b"a", "deep/b.parquet": b"b"}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A file and a folder, in the project and in the cache, as DVC lays them out."""
    (tmp_path / "data" / "folder" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "one.parquet").write_bytes(b"one")
    for name, content in FILES.items():
        (tmp_path / "data" / "folder" / name).write_bytes(content)
        store(tmp_path, content)
    listing = json.dumps(
        [{"md5": md5(content), "relpath": name} for name, content in FILES.items()]
    )
    folder = store(tmp_path, listing.encode(), md5(listing.encode()) + ".dir") + ".dir"
    outs = [
        {"path": "data/one.parquet", "hash": "md5", "md5": store(tmp_path, b"one"), "size": 3},
        {"path": "data/folder", "hash": "md5", "md5": folder, "size": 2, "nfiles": 2},
    ]
    lock = {"schema": "2.0", "stages": {"make": {"cmd": "x", "outs": outs}}}
    (tmp_path / "dvc.lock").write_text(json.dumps(lock))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(project):
    made = recorded_hashes.verify(project / "dvc.lock", project, project / ".dvc" / "cache")
    return [(d.place, d.path, d.what.split()[0]) for d in made.differences]


def test_what_the_stages_made_is_right(project):
    assert found(project) == []
    done = CliRunner().invoke(cli.app, ["verify"])
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "no number was computed again: there is no reports/results.json here.",
        "differences: 0; compared: 7 files, 0.0 MB; 0 numbers",
    ]


def test_what_a_stage_of_an_older_graph_recorded_counts_only_where_no_other_makes_it(project):
    lock = json.loads((project / "dvc.lock").read_text())
    (project / "data/old.parquet").write_bytes(b"other")
    lock["stages"]["older@image"] = {"cmd": "y", "outs": [
        {"path": f"data/{name}.parquet", "hash": "md5", "md5": "0" * 32, "size": 3}
        for name in ("one", "old")
    ]}  # fmt: skip
    (project / "dvc.lock").write_text(json.dumps(lock))
    assert ("project", "data/one.parquet", "has") in found(project)  # there is no graph to ask
    (project / "dvc.yaml").write_text("stages: {make: {cmd: x}}")
    assert found(project) == [("project", "data/old.parquet", "has")]


def test_a_forged_entry_of_the_cache_is_found(project):
    place(project, md5(b"one")).write_bytes(b"forged")
    assert found(project) == [("cache", "data/one.parquet", "has")]
    done = CliRunner().invoke(cli.app, ["verify"])
    assert done.exit_code == 3
    assert f"has MD5 {md5(b'forged')}, recorded is {md5(b'one')}" in " ".join(done.stdout.split())
    told = json.loads(CliRunner().invoke(cli.app, ["verify", "--json"]).stdout)
    assert told["differences"][0]["stage"] == "make"


def test_a_forged_file_of_a_folder_is_found(project):
    place(project, md5(b"b")).write_bytes(b"forged")
    assert found(project) == [("cache", "data/folder/deep/b.parquet", "has")]


def test_a_forged_list_of_files_is_found(project):
    stored = next(place(project, "x").parent.glob("*/*.dir"))
    stored.write_text(json.dumps([{"md5": md5(b"a"), "relpath": "../../evil"}]))
    assert found(project) == [("cache", "data/folder", "its")]


@pytest.mark.parametrize("content", ["{", "[1]", '[{"relpath": "a"}]', "[" * 100_000])
def test_a_list_that_is_none_leaves_the_folder_to_its_own_hash(project, content):
    """The hash of the list fits, as whoever wrote the lock wrote the list; the folder's does not."""
    name = store(project, content.encode(), md5(content.encode()) + ".dir")
    lock = json.loads((project / "dvc.lock").read_text())
    lock["stages"]["make"]["outs"][1]["md5"] = name + ".dir"
    (project / "dvc.lock").write_text(json.dumps(lock))
    assert found(project) == [("project", "data/folder", "has")]


def test_changed_new_and_missing_files_of_the_project_are_named(project):
    folder = project / "data" / "folder"
    (project / "data" / "one.parquet").write_bytes(b"other")
    (folder / "a.parquet").write_bytes(b"other")
    (folder / "new").write_bytes(b"new")
    (folder / "deep" / "b.parquet").unlink()
    assert found(project) == [
        ("project", "data/one.parquet", "has"),
        ("project", "data/folder/a.parquet", "has"),
        ("project", "data/folder/new", "is"),
        ("project", "data/folder/deep/b.parquet", "is"),
    ]


def test_a_folder_is_judged_without_its_list_too(project):
    for stored in place(project, "x").parent.glob("*/*.dir"):
        stored.unlink()
    assert found(project) == []
    (project / "data" / "folder" / "a.parquet").write_bytes(b"other")
    assert found(project) == [("project", "data/folder", "has")]


def test_pipes_devices_and_links_that_lead_nowhere_end_it_not(project):
    folder = project / "data" / "folder"
    os.mkfifo(folder / "pipe")
    (folder / "zeros").symlink_to("/dev/zero")
    (folder / "loop").symlink_to("loop")
    (folder / "up").symlink_to("..")
    assert {path.rpartition("/")[2] for _, path, _ in found(project)} == {"pipe", "zeros", "loop"}


def test_what_lies_nowhere_is_no_difference(project):
    (project / "data" / "one.parquet").unlink()
    assert found(project) == []
    place(project, md5(b"one")).unlink()
    made = recorded_hashes.verify(project / "dvc.lock", project, project / ".dvc" / "cache")
    assert (made.differences, made.absent) == ([], ["data/one.parquet"])


def test_a_link_into_the_cache_is_read_once(project):
    one = project / "data" / "one.parquet"
    one.unlink()
    one.symlink_to(place(project, md5(b"one")))
    made = recorded_hashes.verify(project / "dvc.lock", project, project / ".dvc" / "cache")
    assert (made.differences, made.n_files) == ([], 6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "cannot be read .*git checkout dvc.lock"),
        ("", "lists no stages"),
        ("[]", "lists no stages"),
        ("stages: 1", "lists no stages"),
        ("stages: {a: 1}", "stage a: an output without a path"),
        ("stages: {a: {outs: 1}}", "stage a: an output without a path"),
        ("stages: {a: {outs: [{path: 1}]}}", "an output without a path"),
        ("stages: {a: {outs: [{path: x}]}}", "'x' has no MD5"),
        ("stages: {a: {outs: [{path: x, md5: ../../x}]}}", "'x' has no MD5"),
        ("stages: " + "[" * 100_000, "cannot be read"),
    ],
)
@pytest.mark.slow
def test_a_lock_that_is_none_says_how_to_go_on(project, text, message):
    (project / "dvc.lock").write_text(text)
    with pytest.raises(ArtifactError, match=message):
        found(project)


def test_without_a_lock_the_message_says_what_to_run(tmp_path):
    with pytest.raises(ArtifactError, match="Run `dvc repro`"):
        recorded_hashes.verify(tmp_path / "dvc.lock", tmp_path, tmp_path)
