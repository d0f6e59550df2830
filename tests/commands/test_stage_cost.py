"""Which stages a test alone needs."""

from dejavu.commands.stage_cost import model_tests


def test_the_crossover_of_either_lane_adds_one_stage():
    adds = {
        lane: model_tests(lane, {"one": "two"})[-1] for lane in ("image", "caption")
    }  # fmt: skip
    assert {each.name for each in adds.values()} == {"two models: what the crossover adds"}
    for lane, test in adds.items():
        assert test.stages == (f"crossover@{lane}",)  # models attack all roles in one go
    assert len(model_tests("caption", {"one": None})) == 1
