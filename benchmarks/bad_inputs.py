"""Three hundred bad inputs, by kind: what people bring that does not fit, and what the pipeline makes of it.

    python -m benchmarks.bad_inputs               all kinds, some minutes
    python -m benchmarks.bad_inputs boxes tables  only these

Each input runs in a process and a folder of its own, with a limit on time and memory. An input is refused
by a named error; or it is taken and every sample that it spoils is counted; or it is taken and nothing of it
is lost (harmless: the bad value meant what it says); or no rule can tell it from a right one, and the contact
sheet of `dejavu check` shows it among the oddest (shown) or only by chance (unseen). Anything else is wrong:
a traceback, a hang, or a table that differs from the truth without a word (silent).
"""

import collections
import sys

from benchmarks.bad_input_kinds import KINDS
from benchmarks.hostile_inputs import Result, tried

OUTCOMES = ("named error", "counted", "shown", "unseen", "harmless", "traceback", "hang", "silent")


def judged(result: Result) -> str:
    """Return what became of an input, from what its run said last."""
    if result.outcome == "taken":
        last = result.said.strip().splitlines()[-1] if result.said.strip() else ""
        return last if last in ("counted", "shown", "unseen", "harmless") else "silent"
    return {"bug": "traceback", "executed": "traceback"}.get(result.outcome, result.outcome)


def main(chosen: list[str]) -> int:
    """Run the kinds that are chosen, print the counts, and return how many inputs went wrong."""
    n_wrong = 0
    print(f"| kind | inputs | {' | '.join(OUTCOMES)} | slowest, s | largest, MiB |")
    print("| --- |" + " ---: |" * (len(OUTCOMES) + 3))
    for kind in chosen or KINDS:
        found = {name: tried(act) for name, act in KINDS[kind]()}
        outcomes = {name: judged(result) for name, result in found.items()}
        counts = collections.Counter(outcomes.values())
        slowest = max(result.seconds for result in found.values())
        largest = max(result.peak_mib for result in found.values())
        cells = " | ".join(str(counts[outcome]) for outcome in OUTCOMES)
        print(f"| {kind} | {len(found)} | {cells} | {slowest:.1f} | {largest} |", flush=True)
        for name, outcome in outcomes.items():
            if outcome in ("traceback", "hang", "silent"):
                n_wrong += 1
                print(f"  {outcome}: {name}: {found[name].said!r}", file=sys.stderr)
    return n_wrong


if __name__ == "__main__":
    sys.exit(bool(main(sys.argv[1:])))
