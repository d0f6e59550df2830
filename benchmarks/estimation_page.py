"""Write what a finished run shows into docs/results/estimation.md: minutes on one core.

    python -m benchmarks.estimation_page data params.yaml docs/results/estimation.md

Every block between `<!-- made by: NAME ... -->` and `<!-- /made -->` holds what
`python -m benchmarks.calibrated_estimation NAME ...` prints of the run.
"""

import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks import calibrated_estimation, gates_of_a_run, lists_of_a_run
from benchmarks import estimates_of_a_run as of_a_run

BLOCK = re.compile(
    r"(<!-- made by: (?P<name>\w+)(?P<given>[^>]*) -->\n).*?(<!-- /made -->)", re.DOTALL
)


def text(page: str, data: Path, params: Path) -> str:
    """Return the page with every block made anew.

    Args:
        page: Markdown with blocks.
        data: the data folder of a finished run.
        params: its parameters.
    """
    run = of_a_run.read(data, params)
    made: dict[str, Callable[..., Iterable[str]]] = {
        "table": lambda: of_a_run.table(run),
        "answers": lambda: of_a_run.in_words(run),
        "permuted": lambda: _fenced(
            calibrated_estimation.shown(calibrated_estimation.permuted(data, params))
        ),
        "exchangeable": lambda: gates_of_a_run.exchangeable(
            run.calibration, calibrated_estimation.N_DRAWS
        ),
        "differing": lambda: gates_of_a_run.differing(run.calibration, data, run.data_root),
        "lists": lambda: lists_of_a_run.lists(data, params),
        "stated": lambda *numbers: _fenced([calibrated_estimation.answer_of(*numbers)]),
        "audit": lambda name, n: _fenced(lists_of_a_run.audit(data, params, name, int(n))),
    }

    def anew(found: re.Match[str]) -> str:
        print(f"{found['name']}{found['given']}", file=sys.stderr, flush=True)
        lines = "\n".join(made[found["name"]](*found["given"].split()))
        return f"{found[1]}{lines}\n{found[4]}"

    return BLOCK.sub(anew, page)


def _fenced(lines: Iterable[str]) -> list[str]:
    return ["```text", *lines, "```"]


if __name__ == "__main__":
    _data, _params, _page = map(Path, sys.argv[1:])
    _new = text(_page.read_text(encoding="utf-8"), _data, _params)
    _page.write_text(_new, encoding="utf-8")
