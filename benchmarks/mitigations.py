"""What lowers the excess, and what does it cost? One training per setting and seed, excess beside utility.

    git clone . ../mitigations && python -m benchmarks.mitigations --work ../mitigations

Every point writes the params of its setting into the clone, runs `dvc repro` there (the clone's code, its
own cache), and reads the adjusted excess and what the network is good for. A row that the table holds is not
computed again: a run that was stopped goes on. Points come in the order of `plan`: the first settings of all
seeds, then the next. `--lane` lets each lane run by itself, in a clone of its own.
"""

import argparse
import csv
import datetime
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmarks import mitigation_captions
from benchmarks import mitigation_settings as settings
from benchmarks import mitigation_utility as utility

FIELDS = (
    "lane", "setting", "seed", "layer", "n_target", "n_control", "excess", "low", "high", "verdict",
    "utility", "planted_auroc", "planted_auroc_low", "planted_auroc_high", "planted_gap", "other_gap",
    "seconds",
)  # fmt: skip
SEEDS = (0, 1, 2)


def main(arguments: Sequence[str] | None = None) -> None:
    """Compute what the table lacks, until the time is up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="a clone of this repository")
    parser.add_argument("--out", type=Path, default=Path("docs/results/mitigations.csv"))
    parser.add_argument("--lane", choices=settings.LANES, help="only this lane")
    parser.add_argument("--only", nargs="*", help="only these settings")
    parser.add_argument("--until", type=datetime.time.fromisoformat, help="start nothing later")
    given = parser.parse_args(arguments)
    out = given.out.resolve()
    for setting, seed in plan(given.lane, given.only):
        if (setting.lane, setting.name, str(seed)) in done(out):
            continue
        if given.until is not None and datetime.datetime.now().time() >= given.until:
            print("The time is up.", flush=True)
            return
        append(out, measured(setting, seed, given.work.resolve()))


def plan(
    lane: str | None = None, only: Sequence[str] | None = None
) -> Iterator[tuple[settings.Setting, int]]:
    """Yield every setting of a rank with all of its seeds, then the next rank."""
    for rank in sorted({each.rank for each in settings.SETTINGS}):
        for seed in SEEDS:
            for each in settings.SETTINGS:
                is_asked = lane in (None, each.lane) and (not only or each.name in only)
                if each.rank == rank and is_asked:
                    yield each, seed


def done(path: Path) -> set[tuple[str, str, str]]:
    """Return lane, setting and seed of the rows that are there."""
    if not path.is_file():
        return set()
    with path.open(encoding="utf-8", newline="") as stream:
        return {(row["lane"], row["setting"], row["seed"]) for row in csv.DictReader(stream)}


def append(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Add the rows of one point."""
    is_new = not path.is_file()
    with path.open("a", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, FIELDS, lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerows(rows)


def measured(setting: settings.Setting, seed: int, work: Path) -> list[dict[str, Any]]:
    """Run the pipeline with one setting and seed in `work`, and return a row per layer.

    Raises:
        SystemExit: the pipeline failed; its output is shown.
    """
    begun = time.monotonic()
    (work / "params.yaml").write_text(
        yaml.safe_dump(settings.params_of(setting, seed), sort_keys=False), encoding="utf-8"
    )
    if settings.FURTHER in setting.changes.values():
        _repro(setting, seed, work, "corpus@caption")
        mitigation_captions.write(
            work / "data/caption/samples.parquet", work / settings.FURTHER, seed
        )
    _repro(setting, seed, work)
    rows = list(utility.rows(setting.lane, work))
    seconds = round(time.monotonic() - begun)
    print(f"{setting.lane} {setting.name}, seed {seed}: {seconds} s", flush=True)
    known = {"lane": setting.lane, "setting": setting.name, "seed": seed, "seconds": seconds}
    return [known | row for row in rows]


def _repro(setting: settings.Setting, seed: int, work: Path, *stages: str) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    ran = subprocess.run(
        ["dvc", "repro", *stages], cwd=work, env=os.environ | {"PATH": path, "PYTHONPATH": str(work)},
        check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    if ran.returncode:
        sys.exit(f"{setting.name}, seed {seed}: dvc repro failed.\n{ran.stdout[-4000:]}")


if __name__ == "__main__":
    main()
