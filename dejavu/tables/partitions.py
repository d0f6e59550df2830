"""Folders that say what their files hold, ``name=value`` as Hive writes them.

DuckDB, polars and pandas read such folders with the names as columns of the table.
"""

from pathlib import Path


def partition(**values: str) -> Path:
    """Return the folder of the files to which `values` apply, the outermost first.

    Args:
        **values: column and value; names of params.yaml, so without ``=`` and ``/``.

    >>> partition(layer="projector", metric="l2").as_posix()
    'layer=projector/metric=l2'
    """
    return Path(*(f"{name}={value}" for name, value in values.items()))
