import numpy as np
import pytest

from dejavu.statistics.crossover import crossover, side


def test_quality_of_the_models_and_difficulty_of_the_samples_cancel():
    rng = np.random.default_rng(0)
    easy, hard = rng.normal(5, 1, 4000), rng.normal(-5, 1, 3000)  # the roles differ
    noise = [rng.normal(size=n) for n in (4000, 4000, 3000, 3000)]
    on_target = side(
        easy + 2 + 0.3 + noise[0], easy + noise[1], np.arange(4000)
    )  # A is better by 2
    on_reference = side(hard + 2 + noise[2], hard + 0.3 + noise[3], np.arange(3000))
    found = crossover(on_target, on_reference)
    assert found.value == pytest.approx(0.3, abs=3 * found.se)
    assert found.se == pytest.approx(0.5 * np.sqrt(2 / 4000 + 2 / 3000), rel=0.05)
    assert (found.n_target, found.n_control) == (4000, 3000)
    assert on_target.x.shape == (4000, 0)  # nothing stands beside the other model
