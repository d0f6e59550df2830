import os
import subprocess
import sys

import pytest

from dejavu.search import faiss_kernel
from dejavu.search.faiss_kernel import VARIABLE, better_than

NEW = frozenset({"AVX2", "FMA3"})


@pytest.mark.parametrize(
    ("own_choice", "features", "expected"),
    [
        ("Barcelona", NEW, "Haswell"),
        ("Prescott", NEW | {"AVX512_SKX"}, "SkylakeX"),
        ("Nehalem", frozenset({"X86_V2", "X86_V3"}), "Haswell"),  # as NumPy 2.4 says it
        ("Nehalem", frozenset({"X86_V2", "X86_V3", "X86_V4"}), "SkylakeX"),
        ("Barcelona", frozenset({"SSE42"}), None),  # the processor is as old as that
        ("Zen", NEW, None),
        ("SkylakeX", NEW, None),
        ("a kernel of tomorrow", NEW, None),
    ],
)
def test_only_a_slow_choice_on_a_fast_processor_is_replaced(own_choice, features, expected):
    assert better_than(own_choice, features) == expected


@pytest.mark.skipif(faiss_kernel.kernel() is None, reason="FAISS brings no OpenBLAS here")
class TestInAProcessOfItsOwn:
    def kernel(self, choice, **environment):
        code = (
            "import os; from dejavu.search import faiss_kernel as f; "
            f"f.better_than = lambda own, features: {choice!r} if own else None; "
            f"print(f.kernel(), os.environ.get({VARIABLE!r}))"
        )
        kept = {name: value for name, value in os.environ.items() if name != VARIABLE}
        asked = subprocess.run(
            [sys.executable, "-c", code],
            env={**kept, **environment},
            capture_output=True,
            text=True,
        )
        assert asked.returncode == 0, asked.stderr
        return asked.stdout.split()[-2:], asked.stdout + asked.stderr

    def test_the_chosen_kernel_is_loaded_said_and_left_to_faiss_alone(self):
        found, said = self.kernel("Nehalem")  # every processor has it
        assert found == ["Nehalem", "None"]
        assert said.count("OpenBLAS' kernel Nehalem") == 1

    def test_a_variable_that_is_set_is_never_overridden(self):
        found, said = self.kernel("Nehalem", **{VARIABLE: "Prescott"})
        assert found[1] == "Prescott"
        assert "OpenBLAS" not in said

    def test_a_fast_choice_is_left_alone(self):
        found, said = self.kernel(None)
        assert found[1] == "None"
        assert "OpenBLAS" not in said
