"""Make docs/results/inputs-that-do-not-fit.md: each case, what happened before, and what is said now.

python -m benchmarks.inputs_that_do_not_fit > docs/results/inputs-that-do-not-fit.md
"""

import contextlib
import tempfile
from pathlib import Path

from benchmarks import case_files, case_inputs, case_models, case_others

HEAD = """# Inputs that do not fit

Each row was tried with an input built after a public bug report. *Before* is what happened when the case
was first tried; *now* is what the code says today, word for word, in stage `corpus`, `split`,
`annotate_objects`, `encoder` or `clip`. `dejavu check` says it before a run. Made by
`python -m benchmarks.inputs_that_do_not_fit`.

## What `dejavu check` opens

| what a run opens | opened by the check | judged |
| --- | --- | --- |
| folders, tables of samples and captions, COCO JSON, shards and the Parquet beside them | listed whole (40 s at most) | every name, label, caption and box that is listed |
| images | 2,000, evenly spread over the listing (30 s at most) | decoded as the run does; boxes repaired, crops cut, duplicates among them |
| boxes | whole | all as listed; those of the images opened against their sizes |
| roles, by folder, table or positions | whole | given to every listed sample, as stage `split` does; duplicates are known of the images opened |
| objects | whole | against all target, control and public samples |
| tags and guesses of crops | whole | against the kept crops of the images opened |
| vectors of images, crops and captions | whole (30 s a view at most) | every row; against all listed samples, and the kept crops of the images opened |
| checkpoints, folders of released models, programs | whole, by the stage's own loader | every tensor has a place; one forward pass |
| CLIP and text models | whole, by the stage's own loader | one caption is embedded |
| networks that annotate | whole, by the stage's own loader | their list of names |
| what a hub has | copies that are here | never fetched: untried where there is none |

On a slow or loaded machine looks end earlier (100 s for all that is sampled), and each finding says how many were opened.

## Cases

| kind | case | before | now |
| --- | --- | --- | --- |"""  # noqa: E501  # rows of a table are lines


HELD = """
Two more are held by a test each, as they are about what happens inside:

| kind | case | before | held by |
| --- | --- | --- | --- |"""
_TESTS = (
    ("F", "the index of the caption lane", "`dejavu check` never opened it",
     "check/test_check.py::test_the_index_of_the_caption_lane_is_opened_too"),
    ("F", "an index of more lists than 65,536 rows can train", "impossible",
     "search/test_knn.py::test_is_trained_on_rows_of_the_whole_bank"),
)  # fmt: skip


CASES = (
    case_inputs.boxes, case_inputs.unknowns, case_inputs.cells, case_files.networks, case_files.files,
    case_others.checks, case_models.models, case_others.files, case_others.queries,
)  # fmt: skip


def main() -> None:
    """Print the page."""
    print(HEAD)
    listed = [row for rows in CASES for row in rows()]
    for kind, case, before, act in sorted(listed, key=lambda row: row[0]):
        with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):
            now = case_inputs.said(act).replace(scratch + "/", "")
        cells = (kind, case, before, "<br>".join(now.splitlines()))
        line = " | ".join(cell.replace("|", "\\|") for cell in cells)
        print(f"| {line} |", flush=True)
    print(HELD)
    for kind, case, before, test in _TESTS:
        file, _, name = test.partition("::")
        if f"def {name}(" not in Path("tests", file).read_text(encoding="utf-8"):
            raise LookupError(test)
        print(f"| {kind} | {case} | {before} | `tests/{test}` |")


if __name__ == "__main__":
    main()
