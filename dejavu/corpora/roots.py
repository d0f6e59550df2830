"""Where the files of a corpus lie: below machine.data_root, here or in an object store."""

import os
from pathlib import Path

from dejavu.errors import ParamsError
from dejavu.files.remote import AnyPath, RemotePath, is_remote
from dejavu.params.machine import data_folder


def external_root(data_root: str, root: str) -> AnyPath:
    """Return the folder of a corpus that lies outside the project, here or in an object store."""
    if is_remote(root):
        return RemotePath.of(root)
    data_root = os.environ.get("DEJAVU_DATA_ROOT") or data_root
    if is_remote(data_root) and not Path(root).is_absolute():
        return RemotePath.of(data_root) / root
    return data_folder(data_root) / root


def local_root(data_root: str, root: str) -> Path:
    """Return the folder of a corpus whose adapter reads files of this machine.

    Raises:
        ParamsError: it lies in an object store.
    """
    found = external_root(data_root, root)
    if isinstance(found, RemotePath):
        raise ParamsError(
            f"{found}: this adapter reads a folder of this machine; image_folder and webdataset read object "
            "stores. Copy the folder here, or use one of them."
        )
    return found
