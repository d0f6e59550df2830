"""What counts as a change of code, on a copy of this project's tree."""

import hashlib
import shutil
import subprocess
import sys

import pytest
from ruamel.yaml import YAML

from dejavu.errors import ArtifactError, ParamsError
from dejavu.run import code, code_versions
from tests.paths import ROOT


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """What was read of files, by content, for all tests here."""
    return tmp_path_factory.mktemp("kept") / "code.json"


class Tree:
    """A copy of the code that may be edited."""

    def __init__(self, folder, kept):
        self.folder, self.kept = folder, kept
        for name in ("dejavu", "stages"):
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        self.before = self.versions()

    def code(self):
        return code.Code({name: self.folder / name for name in ("dejavu", "stages")}, self.kept)

    def versions(self):
        found = code_versions.versions(ROOT / "dvc.yaml", ROOT / "params.yaml", of=self.code())
        return {job.address: version for job, version in found.items()}

    def edit(self, file, old, new):
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{file} has no {old!r} any more"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    def add(self, file, text):
        path = self.folder / file
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        path.write_text(before + text, encoding="utf-8")

    def changed(self):
        """Return the stages whose code is another than before."""
        now = self.versions()
        assert now.keys() == self.before.keys()
        return {
            address.partition("@")[0] for address in now if now[address] != self.before[address]
        }


@pytest.fixture
def tree(tmp_path, kept):
    return Tree(tmp_path, kept)


@pytest.mark.slow
def test_comments_and_docstrings_change_nothing(tree):
    tree.add("dejavu/search/knn.py", "# a word more\n")
    tree.add("dejavu/image/voting.py", '"""And another one."""\n')
    assert tree.changed() == set()


@pytest.mark.slow
def test_a_constant_of_voting_changes_the_votes_alone(tree):
    tree.add("dejavu/image/voting.py", "LIMIT = 3\n")
    assert tree.changed() == {"vote"}


@pytest.mark.parametrize("file", ["dejavu/sql/image_dropped.sql", "dejavu/templates/summary.md.j2"])
@pytest.mark.slow
def test_a_query_or_a_template_changes_the_report_alone(tree, file):
    tree.add(file, "\n")
    assert tree.changed() == {"report"}


@pytest.mark.slow
def test_the_search_changes_both_lanes(tree):
    tree.add("dejavu/search/knn.py", "LIMIT = 3\n")
    assert tree.changed() == {"neighbors", "retrieve"}


@pytest.mark.slow
def test_what_tells_of_a_run_changes_nothing(tree):
    for file in ("progress", "stage", "code_versions"):
        tree.add(f"dejavu/run/{file}.py", "LIMIT = 3\n")
    tree.add("dejavu/params/report.py", "LIMIT = 3\n")
    assert tree.changed() == set()


@pytest.mark.slow
def test_one_more_source_of_encoders_changes_no_model_of_another(tree):
    tree.add("dejavu/models/encoders/hub.py", "def make(request, out):\n    return None\n")
    assert tree.changed() == set()


def test_a_source_is_found_by_the_word_that_entries_ask_for(tmp_path):
    (tmp_path / "kinds").mkdir()
    for name, text in {
        "a": "import importlib\ndef get(x):\n    importlib.import_module(f'dejavu.kinds.{x}')\n",
        "kinds/__init__": "", "kinds/b": "", "kinds/c": "",
    }.items():  # fmt: skip
        (tmp_path / f"{name}.py").write_text(text)
    (tmp_path / "__init__.py").touch()
    source = code.Code({"dejavu": tmp_path})
    assert set(source.closure("dejavu.a", ["b"])) == {"dejavu.a", "dejavu.kinds", "dejavu.kinds.b"}
    assert {"dejavu.kinds.b", "dejavu.kinds.c"} <= set(source.closure("dejavu.a", []))
    assert "dejavu.kinds.c" not in source.closure("dejavu.a", ["corpus"])


@pytest.mark.slow
def test_the_report_depends_on_all_data_of_the_package(tree):
    files = [file for file in (tree.folder / "dejavu").rglob("*") if file.is_file()]
    data = {
        file.relative_to(tree.folder).as_posix()
        for file in files
        if file.suffix != ".py" and file.name != "py.typed" and "__pycache__" not in file.parts
    }
    assert len(data) > 30
    assert data <= tree.code().closure("stages.report", []).keys()


@pytest.mark.slow
def test_a_source_changes_the_entries_that_name_it(tree):
    tree.add("dejavu/annotators/visual_words.py", "LIMIT = 3\n")
    now = tree.versions()
    changed = {address for address in now if now[address] != tree.before[address]}
    assert changed == {"tag_crops@visual_words"}


@pytest.mark.slow
def test_the_place_of_the_code_does_not_count(tree):
    ours = code_versions.versions(ROOT / "dvc.yaml", ROOT / "params.yaml")
    assert {job.address: version for job, version in ours.items()} == tree.before


def test_registries_count_whole_where_nothing_is_known_of_the_parameters(tmp_path):
    for name, text in {
        "__init__": "",
        "a": 'REGISTRY = {"b": "dejavu.b:load", "c": "dejavu.c:load"}\n',
        "b": "def load():\n    from dejavu import d\n",
        "c": "", "d": "", "e": "",
    }.items():  # fmt: skip
        (tmp_path / f"{name}.py").write_text(text)
    source = code.Code({"dejavu": tmp_path})
    assert set(source.closure("dejavu.a", [])) == {f"dejavu.{x}" for x in "abcd"}
    assert set(source.closure("dejavu.a", ["b"])) == {f"dejavu.{x}" for x in "abd"}
    assert set(source.closure("dejavu.a", ["corpus"])) == {"dejavu.a"}
    with pytest.raises(ArtifactError, match=r"dejavu\.missing: no such module"):
        source.version("dejavu.missing")


def test_libraries_are_those_that_the_code_uses():
    found = code.running().libraries("dejavu.search.similarity")
    assert "numpy" in found
    assert "torch" not in found


def test_facts_that_another_reader_noted_are_not_used(tmp_path, kept):
    (tmp_path / "a.py").write_text("LIMIT = 3\n")
    path = tmp_path / "code.json"
    source = code.Code({"dejavu": tmp_path}, path)
    version = source.version("dejavu.a")
    source.save()
    path.write_text(path.read_text().replace('"code": "', '"code": "0'))
    assert code.Code({"dejavu": tmp_path}, path).version("dejavu.a") != version  # it is read
    path.write_text(path.read_text().replace('"reader": "', '"reader": "0'))
    assert code.Code({"dejavu": tmp_path}, path).version("dejavu.a") == version


@pytest.mark.slow
def test_one_file_per_stage_and_entry(tmp_path):
    code_versions.write(
        inputs=code_versions.GraphInputs(dvc_yaml=ROOT / "dvc.yaml", params=ROOT / "params.yaml"),
        out=tmp_path / "code",
    )
    assert (tmp_path / "code/vote.txt").is_file()
    assert (tmp_path / "code/embed/vicreg.txt").is_file()
    assert (tmp_path / "code/corpus/caption.txt").is_file()


def test_the_command_finds_the_stages_of_the_project_too():
    """Its script lies among other programs, and Python looks for modules there and not here."""
    asked = (
        "import os, sys, dejavu; sys.path = [p for p in sys.path if p not in ('', os.getcwd())];"
        "from dejavu.run import code; assert code.running().closure('stages.crop', ())"
    )
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_changed_stages_are_told_from_the_lock(tmp_path):
    code_versions.write(
        inputs=code_versions.GraphInputs(dvc_yaml=ROOT / "dvc.yaml", params=ROOT / "params.yaml"),
        out=tmp_path / "code",
    )
    lock = tmp_path / "dvc.lock"

    def changed():
        return code_versions.changed_stages(lock, ROOT / "dvc.yaml", ROOT / "params.yaml")

    assert changed() == []
    md5 = hashlib.md5((tmp_path / "code/vote.txt").read_bytes()).hexdigest()
    stages = {
        "vote": {"deps": [{"path": "data/code/vote.txt", "md5": md5}]},
        "embed@vicreg": {"deps": [{"path": "data/code/embed/vicreg.txt", "md5": "0" * 32}]},
        "oracle": {"deps": [{"path": "data/image/samples.parquet", "md5": "0" * 32}]},
    }
    stages = {name: {"cmd": "python", **stage} for name, stage in stages.items()}
    YAML().dump({"schema": "2.0", "stages": stages}, lock)
    assert changed() == ["embed@vicreg"]


def test_a_missing_graph_says_what_to_do(tmp_path):
    with pytest.raises(ParamsError, match="run from the folder of the project"):
        code_versions.write(
            inputs=code_versions.GraphInputs(
                dvc_yaml=tmp_path / "dvc.yaml", params=ROOT / "params.yaml"
            ),
            out=tmp_path / "code",
        )
