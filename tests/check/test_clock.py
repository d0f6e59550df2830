"""A check keeps to its time: late looks see fewer samples, and give up where they cannot."""

import numpy as np
import pytest

from dejavu.check import doubles
from dejavu.check.clock import Clock
from dejavu.check.findings import Untried


def test_each_look_takes_a_part_of_what_is_left():
    assert Clock(100.0).share(10.0) == 10.0
    assert 24.0 < Clock(100.0).share(90.0) <= 25.0
    assert 49.0 < Clock(100.0).share(90.0, part=0.5) <= 50.0


def test_a_late_look_still_sees_something():
    assert Clock(-5.0).share(90.0) == 1.0


def test_images_are_not_opened_for_ever_to_confirm_hashes():
    n_opened = 0

    def look(places):
        nonlocal n_opened
        n_opened += len(places)
        return np.zeros((len(places), 3), np.uint8), np.ones(len(places), bool)

    pixels, is_read = doubles._in_time(look, 60.0)(np.arange(250))
    assert (pixels.shape, is_read.sum(), n_opened) == ((250, 3), 250, 250)
    with pytest.raises(Untried, match="too many images have hashes alike"):
        doubles._in_time(look, -1.0)(np.arange(250))
    assert n_opened == 250
