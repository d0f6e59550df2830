"""Make docs/results/inputs-that-do-not-fit.md: each case, what happened before, and what is said now.

python -m benchmarks.inputs_that_do_not_fit > docs/results/inputs-that-do-not-fit.md
"""

import contextlib
import tempfile
from pathlib import Path

from benchmarks import case_files, case_inputs

HEAD = """# Inputs that do not fit

Each row was tried with an input built after a public bug report. *Before* is what happened when the case
was first tried; *now* is what the code says today, word for word, in stage `corpus`, `split`,
`annotate_objects`, `encoder` or `clip`. `dejavu check` says it before a run. Made by
`python -m benchmarks.inputs_that_do_not_fit`.

| kind | case | before | now |
| --- | --- | --- | --- |"""


HELD = """
The other cases are held by a test each, which fails where the old behaviour comes back.

| kind | case | before | held by |
| --- | --- | --- | --- |"""
_TESTS = (
    ("A", "images drawn with boxes and crop", "nobody sees the above",
     "check/test_check.py::test_the_page_shows_images_with_boxes_and_crop_counts_and_what_is_refused"),
    ("C", "leading zeros of path columns", "lost",
     "splits/test_given_roles.py::test_names_that_look_like_numbers_keep_their_zeros"),
    ("D", "timm weights with crop_mode squash, or a config.json of other values", "always center crop",
     "models/encoders/test_what_shapes_do_not_show.py::test_a_folder_of_timm_says_how_it_sees"),
    ("D", "OpenCLIP weights as a bare file", "OpenAI's mean and std; nearest image equal for 5 of 8",
     "models/clip/test_released_clip.py::test_a_file_whose_architecture_saw_images_in_several_ways_must_say"),
    ("D", "text folder with a default prompt", "the folder's prompt although prompt is empty (0.965)",
     "models/clip/test_sentence_encoder.py::test_an_empty_prompt_means_none_whatever_the_folder_says"),
    ("D", "text folder with remote code", 'TypeError, "no folder"',
     "models/clip/test_sentence_encoder.py::test_remote_code_is_refused"),
    ("D", "compiled, Lightning, DDP and EMA wrappers", "circular advice",
     "models/checkpoints/test_unwrap.py::test_wrappers_are_taken_off"),
    ("E", "NFC and NFD paths", "do not match",
     "corpora/test_plausibility.py::test_names_composed_in_another_way_match"),
    ("E", "product shots on white", "168 of 240 are duplicates",
     "splits/test_pixel_groups.py::test_objects_on_white_that_share_a_hash_are_no_duplicates"),
    ("E", "a file replaced by one of equal size", "reruns nothing",
     "run/test_external_files.py::test_an_image_replaced_by_one_of_equal_size_and_time_is_noticed"),
    ("F", "model names like ViT-B/32", "pass check and break later",
     "params/test_names.py::test_check_refuses_it_too"),
    ("F", "a join with two sample_id", "one column's values under the other's name",
     "commands/test_sql_output.py::test_a_join_shows_both_columns_of_one_name_in_every_format"),
    ("F", "sum() and NaN as JSON", "text; invalid",
     "commands/test_sql_output.py::test_json_holds_numbers_as_numbers_and_no_nan"),
    ("F", "Ctrl-C", "takes 8 s",
     "commands/test_sql_output.py::test_ctrl_c_is_answered_within_a_second_in_one_line"),
    ("F", "dejavu sql in a pipe", "shortens rows",
     "commands/test_sql_output.py::test_a_pipe_and_a_file_get_every_row"),
    ("F", "half an emoji in a JSON caption", "kills the corpus stage",
     "corpora/test_odd_files.py::test_half_a_character_in_json_becomes_one_that_says_so"),
    ("F", "one odd file", "kills all of check's findings",
     "check/test_check.py::test_an_odd_exception_is_a_finding_and_the_check_goes_on"),
    ("F", "caption-lane errors", "name image.neighbors.*",
     "search/test_neighbors.py::test_errors_of_the_caption_lane_name_its_own_keys"),
    ("F", "what torch.load says", "passed on",
     "models/checkpoints/test_damage_and_malice.py::test_what_torch_says_is_never_passed_on"),
    ("seen on audits", "corner crops that are all too small", 'check ok, "0 of 9555 kept"',
     "check/test_check.py::test_zero_kept_crops_are_wrong_before_the_run"),
    ("seen on audits", "a CIFAR .th", "sent round in circles",
     "models/encoders/test_any_network.py::"
     "test_the_published_cifar_networks_are_sent_to_the_source_that_takes_them"),
    ("seen on audits", ".pt2", "called corrupted",
     "models/checkpoints/test_damage_and_malice.py::"
     "test_programs_are_told_apart_and_sent_to_the_source_that_takes_them"),
    ("seen on audits", "crops without tags, the released formula", '"P(t) guesses"',
     "image/references/test_naive_bayes.py::test_the_released_formula_truncates_the_guessing_only"),
)  # fmt: skip


def main() -> None:
    """Print the page."""
    print(HEAD)
    for rows in (
        case_inputs.boxes, case_inputs.unknowns, case_inputs.cells, case_files.networks, case_files.files,
    ):  # fmt: skip
        for kind, case, before, act in rows():
            with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):
                now = case_inputs.said(act).replace(scratch + "/", "")
            cell = "<br>".join(line.replace("|", "\\|") for line in now.splitlines())
            print(f"| {kind} | {case} | {before} | {cell} |", flush=True)
    print(HELD)
    for kind, case, before, test in _TESTS:
        file, _, name = test.partition("::")
        if f"def {name}(" not in Path("tests", file).read_text(encoding="utf-8"):
            raise LookupError(test)
        print(f"| {kind} | {case} | {before} | `tests/{test}` |")


if __name__ == "__main__":
    main()
