"""The numbers of README.md are those of the committed run."""

from scripts import readme_numbers


def test_the_table_is_that_of_the_run():
    readme = readme_numbers.README.read_text(encoding="utf-8")
    assert readme_numbers.BETWEEN.search(readme), "README.md has lost its table of numbers"
    fresh = readme_numbers.text(readme, readme_numbers.REPORTS, readme_numbers.caption_headline())
    assert readme == fresh, "run `python -m scripts.readme_numbers`"
