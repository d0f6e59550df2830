import pytest
import torch


@pytest.fixture(autouse=True)
def one_torch_thread():
    """Networks this small run faster on one core, and leave the others in peace."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
