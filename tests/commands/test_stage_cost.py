"""Which stages a test alone needs."""

from dejavu.commands.stage_cost import model_tests


def test_the_crossover_of_either_lane_costs_an_attack_on_the_reference_role():
    adds = {
        lane: model_tests(lane, {"one": "two"})[-1] for lane in ("image", "caption")
    }  # fmt: skip
    assert {each.name for each in adds.values()} == {"two models: what the crossover adds"}
    assert adds["image"].stages == ("crossover@image",)  # its models attack both roles in one go
    assert adds["caption"].stages == ("attack_reference_captions", "crossover@caption")
    assert len(model_tests("caption", {"one": None})) == 1
