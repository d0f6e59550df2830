"""Section ``machine``: what changes speed only. No stage tracks it."""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from dejavu.files.remote import is_remote
from dejavu.params.base import Positive, Section


class MachineParams(Section):
    """How this machine runs the pipeline; never changes a result beyond float noise."""

    device: Literal["auto", "cpu", "cuda", "mps"]
    engine: Literal["local", "ray"]
    workers: (
        Positive  # processes or threads that decode images; with Ray also the cores of a worker
    )
    batch_images: Positive  # images embedded at once
    block_rows: Positive  # rows of a k-NN block held in memory, at most
    memory_gb: Annotated[float, Field(gt=0)] = (
        2.0  # 10^9 bytes that a search may hold; it bounds block_rows
    )
    # of a search's first look, before it ranks again in float64; auto: float16 on GPUs, float32 elsewhere
    search_precision: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    run_code_of_models: bool = (
        False  # sources factory and torch_export run code of the model's author
    )
    # what runs the stages that train, in the place of `python`: torchrun --nproc-per-node 8, srun … python;
    # auto: torchrun, with a process per CUDA device where there are several; null: one process
    launch: str | None = "auto"
    gradient_checkpointing: bool = False  # CLIP: compute activations twice instead of keeping them
    # folder that corpora.*.root is relative to, here or s3://, gs://; DEJAVU_DATA_ROOT overrides it
    data_root: str

    @property
    def data_folder(self) -> Path:
        """Return the data root of this machine: the variable if it is set, else `data_root`."""
        return data_folder(self.data_root)

    @property
    def store(self) -> str | None:
        """Return the object store that corpora are relative to; None: a folder of this machine."""
        root = os.environ.get("DEJAVU_DATA_ROOT") or self.data_root
        return root if is_remote(root) else None


def data_folder(data_root: str) -> Path:
    """Return the folder that ``machine.data_root`` means here: DEJAVU_DATA_ROOT overrides it.

    An object store holds corpora alone; what else is opened on this machine is relative to the project then.
    """
    root = os.environ.get("DEJAVU_DATA_ROOT") or data_root
    return Path() if is_remote(root) else Path(root)
