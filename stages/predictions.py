"""Take over guesses about the hidden labels that were made elsewhere."""

from pathlib import Path

from dejavu.image.kept_crops import CropTables
from dejavu.image.references import imported
from dejavu.params import section
from dejavu.params.machine import MachineParams
from dejavu.params.predictions import Predictions
from dejavu.run import stage


def main(
    *, params: Path, samples: Path, labels: Path, crops: Path, out: Path, reference_role: Path
) -> None:
    """Take over guesses about the hidden labels that were made elsewhere."""
    imported.write_predictions(
        settings=imported.ImportedGuesses(
            entries=section(params, "image.predictions", Predictions),
            data_folder=section(params, "machine", MachineParams).data_folder,
        ),
        inputs=CropTables(samples=samples, labels=labels, crops=crops),
        out=imported.ImportedFiles(attacked=out, reference_role=reference_role),
    )


if __name__ == "__main__":
    stage.run(main)
