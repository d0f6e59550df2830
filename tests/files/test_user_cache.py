"""What takes seconds is made once for a user; a place that cannot be written only costs the seconds."""

import pytest

from dejavu.files import user_cache


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(user_cache.platformdirs, "user_cache_path", lambda name: tmp_path / name)
    return tmp_path


def test_it_is_made_once_and_kept_whole(home):
    calls = []
    for _ in range(2):
        assert (
            user_cache.text("a.js", lambda: calls.append(1) or "let é = 1;\r\n") == "let é = 1;\r\n"
        )
    assert len(calls) == 1
    assert [path.name for path in (home / "dejavu").iterdir()] == ["a.js"]  # and no scratch


def test_where_nothing_can_be_kept_it_is_made_each_time(home):
    (home / "dejavu").write_text("a file in the place of the folder")
    assert [user_cache.text("a.js", lambda: "x") for _ in range(2)] == ["x", "x"]
