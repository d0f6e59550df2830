import subprocess
import sys

import pytest

LIGHT = ", ".join(
    f"dejavu.{name}"
    for name in ("tables.schemas", "tables.parquet", "params", "run.stage", "run.shards", "corpora")
)


@pytest.mark.parametrize("heavy", ["torch", "matplotlib", "faiss", "sklearn"])
def test_the_light_modules_import_without(heavy):
    code = f"import sys, {LIGHT}; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_test_above_can_fail():
    code = "import sys, json; sys.exit('json' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 1
