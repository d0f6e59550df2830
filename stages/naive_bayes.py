"""Guess the hidden label from the tags of the crop, by Naive Bayes at every K."""

from pathlib import Path

from dejavu.image.references import naive_bayes
from dejavu.params import section
from dejavu.params.references import Annotators, NaiveBayesParams
from dejavu.run import stage


def main(*, params: Path, samples: Path, labels: Path, crops: Path, tags: Path, out: Path) -> None:
    """Write the predictions of every annotator and every K for the kept target and control crops."""
    naive_bayes.write_predictions(
        settings=naive_bayes.NaiveBayesSettings(
            annotators=tuple(section(params, "image.annotators", Annotators)),
            formula=section(params, "image.naive_bayes", NaiveBayesParams),
        ),
        inputs=naive_bayes.TaggedCrops(samples=samples, labels=labels, crops=crops, tags=tags),
        out=out,
    )


if __name__ == "__main__":
    stage.run(main)
