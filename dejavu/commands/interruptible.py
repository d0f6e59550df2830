"""Ask DuckDB in a thread, so that Ctrl-C is answered at once: some plans look for it too rarely."""

import os
import shutil
import sys
import threading
from typing import NoReturn

import pyarrow as pa

from dejavu.tables.catalog import Catalog


def rows(opened: Catalog, sql: str) -> pa.Table:
    """Run SQL as `Catalog.table` does; Ctrl-C ends it at once, with the process."""
    answer: list[pa.Table] = []
    failure: list[BaseException] = []

    def ask() -> None:
        try:
            answer.append(opened.table(sql))
        except BaseException as error:  # noqa: BLE001  # raised again in the main thread
            failure.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(0.1)
    except KeyboardInterrupt:
        _leave(opened)
    if failure:
        raise failure[0]
    return answer[0]


def _leave(opened: Catalog) -> NoReturn:
    """End the process: closing the connection would wait for the query, and nothing was written yet."""
    shutil.rmtree(opened.scratch, ignore_errors=True)
    sys.stderr.write("Stopped.\n")
    sys.stderr.flush()
    os._exit(130)
