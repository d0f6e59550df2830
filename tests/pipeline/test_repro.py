"""The whole pipeline on small corpora, through DVC, as a user runs it."""

import copy
import json

import pytest
from ruamel.yaml import YAML

from dejavu.api import stages as in_process
from dejavu.tables.schemas import OBJECTS, SPLITS
from tests.conftest import N_CORES


@pytest.fixture(scope="module")
def project(small_run, tmp_path_factory):
    """A copy of the run that all tests share; these change its parameters and run it again."""
    return small_run.copy(tmp_path_factory.mktemp("copy") / "run")


# Guesses of targets lie in several files beside those of references, which stages of seconds read with them
READ_ALL_GUESSES = ("score_labels", "crossover@image", "list_samples@image")


def test_the_report_holds_both_lanes(project):
    results = json.loads(project.read("reports/results.json"))
    vicreg = results["image"]["vicreg"]
    assert {"second_model", "classifier", "naive_bayes@5", "oracle", "consensus"} <= set(vicreg)
    assert vicreg["second_model"]["excess"]["dejavu_score_ci95"]
    assert results["caption"]["clip"]["text_model"]["t2i"]["k=10"]["top=all"]["excess"]
    crossed = results["calibrated"]["caption"]["clip"]["crossover"]
    assert crossed["value"] is not None
    n_scored = [count_scored(project, role) for role in ("target", "reference")]
    assert [crossed["n_target"], crossed["n_control"]] == n_scored
    metrics = json.loads(project.read("reports/metrics.json"))
    assert 1 <= sum(len(numbers) for numbers in metrics.values()) <= 24
    assert project.read("reports/summary.md").startswith("# Déjà vu".encode())


def count_scored(project, role):
    """Count the captions of one role whose image shows an object."""
    caption = project.folder / "data/caption"
    splits = SPLITS.read(caption / "splits.parquet").to_pylist()
    ids = {row["sample_id"] for row in splits if row["role"] == role}
    rows = OBJECTS.read(caption / "objects").to_pylist()
    return sum(row["sample_id"] in ids and bool(row["object_ids"]) for row in rows)


def test_nothing_runs_twice(project):
    assert project.repro() == []


def test_a_machine_setting_reruns_nothing(project):
    # of 66, 116 and 118 images: a last batch of one or two would get other last bits, by another kernel
    project.params["machine"]["batch_images"] = 48
    assert project.repro() == []


def test_another_folder_and_one_process_give_the_same_bytes_and_a_lane_can_be_left_out(
    project, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        "os.cpu_count", lambda: N_CORES
    )  # as DVC's stages see it: sums depend on it
    twin = in_process.Project(folder=tmp_path / "twin")
    params = copy.deepcopy(project.params)
    params["caption"]["corpus"] = {"adapter": "none"}
    for name in ("clip", "clip_second"):
        del params["caption"]["models"][name]
    twin.folder.mkdir()
    with twin.params.open("w", encoding="utf-8") as stream:
        YAML().dump(params, stream)
    with twin.at_work():
        twin.list_and_crop()
        twin.vote(has_references=True)
        twin.report()
    theirs = json.loads((twin.folder / "reports/results.json").read_text(encoding="utf-8"))
    assert theirs["caption"] == {}
    files = sorted((project.folder / "data" / "image").rglob("*.parquet"))
    names = [file.relative_to(project.folder) for file in files]
    assert len(names) > 20
    differing = [n for n in names if (twin.folder / n).read_bytes() != project.read(n)]
    assert not differing
    assert theirs["image"] == json.loads(project.read("reports/results.json"))["image"]


def test_a_parameter_of_naive_bayes_reruns_what_depends_on_it(project):
    project.params["image"]["naive_bayes"]["alpha"] = 0.5
    assert set(project.repro()) == {"naive_bayes", *READ_ALL_GUESSES, "report"}


def test_an_edit_reruns_what_uses_the_code_and_words_rerun_nothing(project):
    code = project.folder / "dejavu"
    before = {file: file.read_text(encoding="utf-8") for file in code.rglob("*.py")}
    for file in (code / "search/knn.py", code / "image/voting.py"):
        file.write_text(before[file] + "# a word more\n", encoding="utf-8")
    assert project.repro() == []
    voting = code / "image/voting.py"
    voting.write_text(before[voting] + "LIMIT = 3\n", encoding="utf-8")
    changed = project.dvc("status").split("\n")
    assert not [line for line in changed if line.startswith("vote")]  # seen after the first stage
    # the tables are the same, so nothing that follows runs
    assert project.repro() == ["vote"]  # not measure
    query = code / "sql/image_dropped.sql"
    query.write_text(query.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert project.repro() == ["report"]


def test_one_more_model_reruns_its_own_branch(project):
    entry = dict(project.params["image"]["models"]["vicreg"]) | {"second_model": None}
    project.params["image"]["models"]["another"] = entry
    ran = project.repro()
    branch = {f"{name}@another" for name in ("encoder", "embed", "neighbors")}
    assert set(ran) == branch | {
        "vote",
        "score_labels",
        "crossover@image",
        "list_samples@image",
        "measure@image",
        "report",
    }


def test_a_changed_file_outside_the_graph_reruns_what_reads_it(project):
    reads_it = {"tag_crops@theirs", "naive_bayes", *READ_ALL_GUESSES, "report"}
    table, annotators = project.folder / "tags.csv", project.params["image"]["annotators"]
    annotators["theirs"] = {
        "source": "table", "path": table.name, "min_score": 0.0, "max_tags": 5,
        "allow_missing": False,
    }  # fmt: skip
    for period in (2, 3):
        rows = [f"{sample_id},{sample_id % period},1.0" for sample_id in range(300)]
        table.write_text("\n".join(["sample_id,tag,score", *rows]) + "\n")
        assert set(project.repro()) == reads_it
