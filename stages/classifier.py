"""Train a classifier on the crops of the reference role, and let it guess the others."""

from pathlib import Path

from dejavu import params as parameters
from dejavu.image.references.classifier import Request, write_predictions
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
    request = Request(
        name=classifier,
        settings=parameters.section(params, f"image.classifiers.{classifier}", ClassifierParams),
        samples=samples,
        labels=labels,
        crops=crops,
        images=images,
        seed=parameters.section(params, "seed", int),
        machine=parameters.section(params, "machine", MachineParams),
    )
    write_predictions(request, out=out, history=history)


if __name__ == "__main__":
    stage.run(main)
