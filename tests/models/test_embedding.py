import threading

import pytest
import torch

from dejavu.models import embedding
from dejavu.params.released import EmbeddingsModel, OnnxModel, TorchExportModel
from tests.models.training.world import trained_model

CPU = torch.device("cpu")


def test_float32_is_not_stated_and_not_changed():
    entry = trained_model()
    assert embedding.stamp_of(entry) == {}
    assert "precision" not in entry.model_dump()
    with embedding.computing_in(entry, CPU):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


def test_bfloat16_is_stated_and_computed_in():
    entry = trained_model(precision="bfloat16")
    assert embedding.stamp_of(entry) == {"precision": "bfloat16"}
    assert entry.model_dump()["precision"] == "bfloat16"
    with embedding.computing_in(entry, CPU):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16


@pytest.mark.parametrize("schema", [OnnxModel, TorchExportModel, EmbeddingsModel])
def test_a_program_computes_as_it_was_made(schema):
    with pytest.raises(ValueError, match="leave precision out"):
        schema.model_construct(precision="bfloat16")._precision_is_ours()


def test_pixels_stay_where_they_are_without_a_gpu():
    pixels = torch.zeros(1, 3, 2, 2, dtype=torch.uint8)
    assert embedding.pinned(pixels, CPU) is pixels


def test_items_come_in_order_and_one_batch_is_loaded_ahead():
    asked = []

    def batches():
        for number in range(4):
            asked.append(number)
            yield [number * 10 + item for item in range(3)]

    found = []
    for loaded in embedding.ahead(batches(), lambda item: item + 0.5, workers=3):
        found.append(loaded)
        assert len(asked) == min(4, len(found) + 1)
    assert [each for batch in found for each in batch] == [
        number * 10 + item + 0.5 for number in range(4) for item in range(3)
    ]


def test_an_error_of_one_item_is_raised_and_the_threads_end():
    def load(item):
        if item == 5:
            raise ValueError("five")
        return item

    before = threading.active_count()
    with pytest.raises(ValueError, match="five"):
        list(embedding.ahead(([item] for item in range(100)), load, workers=2))
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and "ThreadPool" in thread.name:
            thread.join(2)
    assert threading.active_count() <= before
