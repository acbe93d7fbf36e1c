"""One thread for these tests: their networks are small, and threads that wait for each other on a busy machine are slow."""

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    torch.set_num_threads(1)
