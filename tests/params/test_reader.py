"""Files that say more than a run can mean: one named error each, in bounded time."""

import itertools
import os
import time

import pytest

from dejavu import params
from dejavu.errors import ParamsError
from dejavu.params import reader
from dejavu.params.corpora import CorpusParams

LETTERS = "abcdefghi"


def bomb(opening, each):
    """Return aliases of aliases: 9 to the power of 8 values."""
    lines = [f"a: &a {opening}"]
    for before, here in itertools.pairwise(LETTERS):
        lines.append(f"{here}: &{here} {each.format(', '.join([f'*{before}'] * 9))}")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (bomb("[x, x]", "[{}]"), "counting what aliases"),
        (bomb("{x: 1}", "{{<<: [{}]}}"), "counting what aliases"),
        ("a: &a [*a]", "counting what aliases"),
        ("a: &a {<<: *a}", "counting what aliases"),
        ("a: *nothing", "line 1, column 4: found undefined alias 'nothing'"),
        ("a: " + "[" * 100_000, "more than 20 mappings and lists within each other"),
        ("a: " + "{a: " * 21 + "}" * 21, "more than 20 mappings and lists within each other"),
        ("a: [" + "1," * 50_000 + "]", "more than 20000 values"),
        ("x" * (1 << 19) + "x", "is larger than 524288 bytes"),
        ("a: " + "9" * 5000, r"not valid YAML: Exceeds the limit \(4300 digits\)"),
        ("a: {b: 99999999999999999999}", "a.b: is a larger integer than 64 bits hold"),
        ("a: {b: .nan}", "a.b: is nan, expected a finite number"),
        ("a: {b: [1, -.inf]}", "a.b: is -inf, expected a finite number"),
        ("a: 1e999", "a: is inf, expected a finite number"),
        ("a: 2020-13-45", "not valid YAML: month must be in 1..12"),
        ("a: 2020-01-01", "a: is a date, expected text, a number"),
        ("a: !!python/object/apply:os.system [x]", "could not determine a constructor"),
        ("a: !!set {x, y}", "a: is a set, expected text"),
        ("a: !!int x", "not valid YAML: invalid literal for int"),
        ("{a: 1}: 1", "not valid YAML: line 1, column 1: found unhashable key"),
        ("a: 1\nb: 2\na: 3", "line 3: the key 'a' stands there a second time. Keep one of them"),
        ("a: 1\n---\nb: 2", "not valid YAML: line 2, column 1: but found another document"),
        ("a:\n\t- x", r"line 2, column 1: found character '\\t' that cannot start any token"),
        ("a: \x01", r"not valid YAML: unacceptable character #x0001"),
        ('a: "\\e[31m"', r"a: is '\\x1b\[31m', expected text without control characters"),
        ('a: "x\\0y"', r"a: is 'x\\x00y', expected text without control characters"),
        ('a: "\\uD800"', r"a: is '\\ud800', expected text without control characters"),
        ('a: "' + "x" * 10_001 + '"', "a: is a text of 10001 characters"),
        ("", "expected a mapping of sections, found NoneType"),
    ],
    ids=lambda text: text[:20],
)
@pytest.mark.slow
def test_what_no_run_can_mean_is_named_at_once(tmp_path, text, message):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    started = time.monotonic()
    with pytest.raises(ParamsError, match=message) as caught:
        params.read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert len(str(caught.value)) < 500 + len(str(path))
    assert time.monotonic() - started < 10


def test_a_merge_key_is_filled_in_as_dvc_does(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("a: &a {x: 1, y: 1}\nb: {<<: *a, y: 2}")
    assert params.read(path)["b"] == {"x": 1, "y": 2}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("a: é".encode("latin-1"), "line 1: byte 0xe9 is not UTF-8. Save the file as UTF-8"),
        ("x: 1\ny: 2".encode("utf-16"), "line 1: byte 0xff is not UTF-8"),
    ],
)
def test_other_encodings_are_named(tmp_path, raw, message):
    (tmp_path / "params.yaml").write_bytes(raw)
    with pytest.raises(ParamsError, match=message):
        params.read(tmp_path / "params.yaml")


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path):
    (tmp_path / "params.yaml").write_bytes(b"\xef\xbb\xbfseed: 0\n")
    assert params.read(tmp_path / "params.yaml") == {"seed": 0}


def test_what_is_no_file_is_named(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zeros").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to("loop")
    for name, message in {
        ".": "is a folder, expected a file",
        "pipe": "is a device or a pipe, expected a file",
        "zeros": "is a device or a pipe, expected a file",
        "loop": "cannot be read",
        "x" * 300: "cannot be read",
        "a\0b": "cannot be read",
        "nowhere": "no such file. Copy one of presets/",
    }.items():
        with pytest.raises(ParamsError, match=message):
            params.read(tmp_path / name)


def test_a_file_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    path = tmp_path / "params.yaml"
    path.write_text("seed: 0\n")

    def refuse(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", refuse)
    with pytest.raises(ParamsError, match=r"cannot be read \(Permission denied\)"):
        params.read(path)


def test_a_changed_file_is_read_again_and_readers_share_nothing(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("a: {b: 1}\n")
    params.read(path)["a"]["b"] = 2
    assert params.read(path) == {"a": {"b": 1}}
    path.write_text("a: {b: 3}\n")
    assert params.read(path) == {"a": {"b": 3}}


def test_the_limits_leave_room():
    assert reader.MAX_BYTES > 20 * 12_000  # bytes of the default params.yaml


SCENES = (
    "c: {adapter: glyph_scenes, max_dropped_share: 0.01, n_images: 10, n_objects: 20, n_scenes: 5, "
    "n_frequent: 8, frequent_share: 0.35, rare_share: 0.06, max_objects: 6, size_px: 64, planted_share: 0}"
)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rare_share: 0.06", "rare_share: 1.0", "all but 0 of the images, expected 0.02 at least"),
        ("rare_share: 0.06", "rare_share: 0.8", "Lower the shares"),
        (
            "frequent_share: 0.35",
            "frequent_share: 1.0",
            "put more than max_objects = 6 objects into",
        ),
        ("n_frequent: 8", "n_frequent: 1000000000", "expected at most n_objects"),
        ("n_images: 10", "n_images: 1e3", "valid integer"),
        ("n_images: 10", "n_images: 99999999999", "less than or equal to 2147483647"),
    ],
)
def test_scenes_that_could_not_be_drawn_are_refused(tmp_path, old, new, message):
    path = tmp_path / "params.yaml"
    path.write_text(SCENES)
    params.section(path, "c", CorpusParams)
    path.write_text(SCENES.replace(old, new))
    with pytest.raises(ParamsError, match=message):
        params.section(path, "c", CorpusParams)
