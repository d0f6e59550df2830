"""At which settings references are compared, and which of them."""

from dejavu.caption.agreement import crossings
from tests.caption import world


def test_every_k_meets_every_k_and_every_top_every_top_at_the_largest_k():
    found = crossings(world.settings(k=(1, 2, 5), top=(3,)))
    by_k = {((a, None), (b, None)) for a in (1, 2, 5) for b in (1, 2, 5)}
    by_top = {((5, a), (5, b)) for a in (3, None) for b in (3, None)}
    assert set(found) == by_k | by_top
    assert len(found) == 12  # all objects at the largest k is one of both
    assert found[-4:] == [
        ((5, 3), (5, 3)), ((5, 3), (5, None)), ((5, None), (5, 3)), ((5, None), (5, None)),
    ]  # fmt: skip
