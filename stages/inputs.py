"""Note the version of the code, and which files outside the graph params.yaml names."""

from pathlib import Path

from dejavu.params import lanes, section
from dejavu.params.caption import CaptionModels, ObjectsParams
from dejavu.params.corpora import CorpusParams, SplitParams
from dejavu.params.encoders import Models
from dejavu.params.machine import MachineParams
from dejavu.params.predictions import Predictions
from dejavu.params.references import Annotators
from dejavu.run import code_versions, entry_folders, external_files, stage


def main(*, params: Path, graph: Path, out: Path, code: Path) -> None:
    """Note the version of the code, and which files outside the graph params.yaml names."""
    lanes.require_entries(params)
    sections = {
        "image/corpus": section(params, "image.corpus", CorpusParams),
        "image/split": section(params, "image.split", SplitParams),
        "image/models": section(params, "image.models", Models),
        "image/annotators": section(params, "image.annotators", Annotators),
        "image/predictions": list(section(params, "image.predictions", Predictions).values()),
        "caption/corpus": section(params, "caption.corpus", CorpusParams),
        "caption/split": section(params, "caption.split", SplitParams),
        "caption/objects": section(params, "caption.objects", ObjectsParams),
        "caption/models": section(params, "caption.models", CaptionModels),
    }
    machine = section(params, "machine", MachineParams)
    external_files.record(
        settings=external_files.ExternalSettings(
            sections=sections, data_folder=machine.data_folder, store=machine.store
        ),
        out=out,
    )
    whole = code_versions.GraphInputs(dvc_yaml=graph, params=params)
    code_versions.write(inputs=whole, out=code)
    entry_folders.prepare(inputs=whole, out=Path())


if __name__ == "__main__":
    stage.run(main)
