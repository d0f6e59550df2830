import pytest

from dejavu.errors import ParamsError
from dejavu.run import entry_folders, graph

RUN = "python -m stages.x"
STAGES = {
    "corpus": {
        "matrix": {"lane": ["image", "caption"]},
        "cmd": RUN,
        "params": ["${item.lane}.corpus"],
    },
    "crop": {"cmd": RUN},
    "embed": {"foreach": "${image.models}", "do": {"cmd": RUN, "params": ["image.models.${key}"]}},
    "tag": {"foreach": "${image.nothing}", "do": {"cmd": RUN}},
    "list": {"foreach": {"image": "a.parquet"}, "do": {"cmd": f"{RUN} --in '${{item}}'"}},
}
PARAMS = {
    "image": {"corpus": {"adapter": "glyphs"}, "models": {"b": {"source": "timm"}, "a": {}}},
    "caption": {"corpus": {"adapter": "none"}},
}


def test_jobs_are_named_as_dvc_names_them():
    names = [job.address for job in graph.jobs(STAGES, PARAMS)]
    assert names == ["corpus@image", "corpus@caption", "crop", "embed@b", "embed@a", "list@image"]


def test_entries_may_stand_in_the_graph_itself():
    (job,) = (job for job in graph.jobs(STAGES, PARAMS) if job.stage == "list")
    assert job.command == f"{RUN} --in 'a.parquet'"


def test_a_job_asks_for_what_its_own_parameters_name():
    asked = {job.address: job.words for job in graph.jobs(STAGES, PARAMS)}
    assert asked["corpus@image"] == {"glyphs"}
    assert asked["embed@b"] == {"timm"}
    assert asked["embed@a"] == asked["crop"] == frozenset()


def test_a_stage_without_a_script_is_refused():
    with pytest.raises(ParamsError, match="stage 'crop' runs no"):
        list(graph.jobs({"crop": {"cmd": "echo"}}, {}))


def test_what_is_left_of_entries_that_are_gone_is_found_and_nothing_else(tmp_path):
    outs = {
        "embed": ["data/vectors/model=${key}", "data/recall/${key}.json"],
        "tag": ["data/tags/${key}/words"],
        "list": ["data/${key}/listed.parquet"],
    }
    stages = {
        name: {**STAGES[name], "do": {**STAGES[name]["do"], "outs": made}}
        for name, made in outs.items()
    } | {"corpus": STAGES["corpus"] | {"outs": ["data/${item.lane}/samples.parquet"]}}
    kept = [
        "vectors/model=a/x",
        "vectors/model=b/x",
        "vectors/.gitignore",
        "recall/a.json",
        "mine/x",
    ]
    gone = ["vectors/model=c/x", "vectors/a/x", "recall/c.json", "recall/a.txt", "tags/old/words/x"]
    for name in (*kept, *gone):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).touch()
    found = entry_folders.left_over(stages, PARAMS, tmp_path)
    assert [path.relative_to(tmp_path / "data").as_posix() for path in found] == [
        "recall/a.txt", "recall/c.json", "tags/old", "vectors/a", "vectors/model=c",
    ]  # fmt: skip
