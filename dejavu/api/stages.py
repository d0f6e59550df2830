"""The stages of one lane, in process: the very scripts that `dvc repro` runs, on the same tables."""

import contextlib
import dataclasses
import functools
import importlib.util
import inspect
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dejavu import params as parameters
from dejavu.run import graph, shards
from dejavu.run.graph import Job
from dejavu.run.pipeline import pipeline_folder
from dejavu.tables.parquet import fingerprint, require_common_origin
from dejavu.tables.schemas import IMAGE_SCORES

_FIRST = ("corpus", "split", "crop")
_OF_SAMPLES = ("corpus", "split", "annotate_objects")  # captions: what no model is needed for
_OF_REFERENCES = ("tag_crops", "classifier", "naive_bayes", "oracle", "score_labels")
_LAST = ("inputs", "report")


@functools.cache
def _main(name: str) -> Callable[..., None]:
    """Return the function of a stage's script."""
    path = pipeline_folder() / "stages" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"dejavu_stage_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Callable[..., None] = module.main
    return found


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A folder with params.yaml and, once stages ran, their tables."""

    folder: Path  # absolute
    lane: str = "image"  # or caption

    @property
    def params(self) -> Path:
        """Return where the parameters are."""
        return self.folder / "params.yaml"

    @property
    def data(self) -> Path:
        """Return the folder of all tables."""
        return self.folder / "data"

    @property
    def image(self) -> Path:
        """Return the folder of the image lane."""
        return self.data / "image"

    @property
    def tables(self) -> Path:
        """Return the folder of the lane that is audited."""
        return self.data / self.lane

    def of(self, name: str, schema: Any) -> Any:
        """Return a section of the parameters."""
        return parameters.section(self.params, name, schema)

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Keep shards below this folder: the caller's own stays clean."""
        before = shards.WORK
        shards.WORK = self.folder / ".work"
        try:
            yield
        finally:
            shards.WORK = before

    def list_and_crop(self) -> None:
        """Run stages corpus, split and crop of the image lane."""
        self._run(lambda job: job.stage in _FIRST)

    def vote(self, *, has_references: bool) -> None:
        """Run what follows in the image lane, up to the scores; without references, none of theirs."""
        skipped = {*_FIRST, *_LAST} if has_references else {*_FIRST, *_LAST, *_OF_REFERENCES}
        self._run(lambda job: job.stage not in skipped)
        if not has_references:
            predictions = self.image / "predictions"
            files = sorted(predictions.rglob("*.parquet"))
            inputs = require_common_origin(files, "samples", "split", "crops")
            inputs["predictions"] = fingerprint(predictions)
            place = self.image / "scores.parquet"
            IMAGE_SCORES.write(IMAGE_SCORES.schema.empty_table(), place, inputs=inputs)

    def list_samples(self) -> None:
        """Run the stages of the caption lane that need no model."""
        self._run(lambda job: job.stage in _OF_SAMPLES)

    def score_captions(self) -> None:
        """Run what follows in the caption lane, up to the scores and the list."""
        self._run(lambda job: job.stage not in {*_OF_SAMPLES, *_LAST})

    def report(self) -> None:
        """Run stage report."""
        self._run(lambda job: job.stage == "report")

    def _run(self, is_wanted: Callable[[Job], bool]) -> None:
        """Run stages as dvc.yaml orders and calls them, but for the other lane's."""
        others = "data/caption" if self.lane == "image" else "data/image"
        stages = graph.read(pipeline_folder() / "dvc.yaml")
        for job in graph.jobs(stages, parameters.read(self.params)):
            if is_wanted(job) and others not in job.command:
                self._run_job(job)

    def _run_job(self, job: Job) -> None:
        main = _main(job.module.removeprefix("stages."))
        _, _, *words = shlex.split(job.command)[1:]  # without python -m stages.<name>
        kinds = inspect.signature(main, eval_str=True).parameters
        flags: dict[str, Any] = {}
        for flag, value in zip(words[::2], words[1::2], strict=True):
            name = flag.removeprefix("--").replace("-", "_")
            flags[name] = value
            if kinds[name].annotation is Path:
                flags[name] = self.folder / value
                flags[name].parent.mkdir(parents=True, exist_ok=True)
        main(**flags)
