import pytest

from dejavu import params
from dejavu.errors import ParamsError
from dejavu.params.base import Names, Section, Share


class Toy(Section):
    share: Share
    names: Names
    count: int


GOOD = "toy:\n  share: 1e-3\n  names: [on, b]\n  count: 012\n"


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "params.yaml"
        path.write_text(text)
        return path

    return write


def test_values_are_yaml_1_2_as_dvc_reads_them(write):
    toy = params.section(write(GOOD), "toy", Toy)
    assert toy == Toy(share=0.001, names=("on", "b"), count=12)


def test_a_nested_value_and_a_mapping_of_sections(write):
    path = write("a:\n  b: {x: 1, y: 2}\n")
    assert params.section(path, "a.b.y", int) == 2
    assert params.section(path, "a.b", dict[str, int]) == {"x": 1, "y": 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("count", "cuont"), r"toy.cuont: unknown key. Did you mean 'count'\?"),
        (GOOD.replace("  count: 012\n", ""), "toy.count: missing"),
        (GOOD.replace("1e-3", "1.5"), "toy.share: .*less than or equal to 1.*1.5"),
        (GOOD.replace("012", "'12'"), "toy.count: .*valid integer.*'12'"),
        (GOOD.replace("toy", "tyo"), r"no section 'toy'.* Did you mean 'tyo'\?"),
        ("- 1\n", "expected a mapping"),
        ("a: [\n", "not valid YAML"),
    ],
)
def test_mistakes_are_named(write, text, message):
    with pytest.raises(ParamsError, match=message):
        params.section(write(text), "toy", Toy)


def test_a_missing_file_says_where_to_get_one(tmp_path):
    with pytest.raises(ParamsError, match=r"Copy one of presets/"):
        params.read(tmp_path / "params.yaml")
