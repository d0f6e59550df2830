"""Train a classifier on the crops of the reference role, and let it guess the others."""

from pathlib import Path

from dejavu.image.references import classifier as classifier_reference
from dejavu.params import section
from dejavu.params.machine import MachineParams
from dejavu.params.references import ClassifierParams
from dejavu.run import stage


def main(
    *,
    classifier: str,
    params: Path,
    samples: Path,
    images: Path,
    labels: Path,
    crops: Path,
    out: Path,
    history: Path,
) -> None:
    """Write the classifier's predictions for the kept target and control crops, and how it trained."""
    classifier_reference.write_predictions(
        settings=classifier_reference.ClassifierSettings(
            name=classifier,
            entry=section(params, f"image.classifiers.{classifier}", ClassifierParams),
            seed=section(params, "seed", int),
            machine=section(params, "machine", MachineParams),
        ),
        inputs=classifier_reference.ClassifierInputs(
            samples=samples, labels=labels, crops=crops, images=images
        ),
        out=classifier_reference.ClassifierFiles(predictions=out, history=history),
    )


if __name__ == "__main__":
    stage.run(main)
