"""The one place where errors leave the program: one message, one exit code, never a bare traceback."""

import contextlib
import datetime
import errno
import io
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

from dejavu import __version__
from dejavu.errors import DejavuError
from dejavu.run import failures
from dejavu.text import printable

FINE, TO_FIX, NOT_UNDERSTOOD, DIFFERS = 0, 1, 2, 3
BUG = 70  # EX_SOFTWARE of sysexits.h
BROKEN_PIPE = 141  # 128 + SIGPIPE, as a shell reports it
INTERRUPTED = 130  # 128 + SIGINT
LOGS = Path("logs")
# What the system says about files, disks and memory: the user can act on it, we cannot
_OF_THE_SYSTEM = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOENT, errno.EISDIR,
    errno.ENOTDIR, errno.EEXIST, errno.ELOOP, errno.ENAMETOOLONG, errno.EMFILE, errno.EIO, errno.ESTALE,
    errno.ENXIO, errno.EINVAL,
}  # fmt: skip


def run(app: Callable[[], object]) -> int:
    """Call `app` and return the exit code; whatever it raises ends in at most a few lines on stderr.

    Args:
        app: parses the command line and runs a command. It may end by SystemExit.

    Returns:
        0 fine, 1 something to fix, 2 the command was not understood, 3 a check says no (`gate`,
        `verify`), 70 a bug of ours (the traceback is in ``logs/``), 130 stopped by Ctrl-C, 141 the reader
        of a pipe is gone.
    """
    _prepare_streams()
    try:
        return _code(app)
    except BrokenPipeError:
        return _broken_pipe()
    except OSError as error:
        if error.errno not in _OF_THE_SYSTEM:
            return _bug(error)
        return _say(f"Error: {failures.line_of(error)}")
    except MemoryError:
        return _say("Error: not enough memory. Ask for less at once, or free some.")
    except Exception as error:  # noqa: BLE001  # the boundary of the program
        return _bug(error)


def _prepare_streams() -> None:
    """Let output go on where a stream is closed, or knows fewer characters than names have."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the shell: `>&-`
            # kept open as long as the program runs
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  # see above
        elif isinstance(stream, io.TextIOWrapper) and "utf" not in stream.encoding.lower():
            if stream.isatty():
                stream.reconfigure(errors="backslashreplace")
            else:  # files and pipes hold data
                stream.reconfigure(encoding="utf-8")


def _code(app: Callable[[], object]) -> int:
    try:
        app()
        sys.stdout.flush()  # a broken pipe shows up here, not while Python shuts down
    except DejavuError as error:
        return _say(f"Error: {error}")
    except KeyboardInterrupt:
        return _stopped()
    except SystemExit as error:
        return _exit_code(error)
    return FINE


def _exit_code(error: SystemExit) -> int:
    if isinstance(error.code, str):
        return _say(error.code)
    sys.stdout.flush()
    if isinstance(error.__context__, OSError) and error.__context__.errno == errno.EPIPE:
        return _broken_pipe()
    code = FINE if error.code is None else int(error.code)
    return _stopped() if code == INTERRUPTED else code


def _say(message: str, code: int = TO_FIX) -> int:
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(printable(message) + "\n")
    return code


def _stopped() -> int:
    return _say("Stopped.", INTERRUPTED)


def _broken_pipe() -> int:
    """End quietly: `dejavu sql … | head` closed the pipe, and Python must not flush into it again."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE


def _bug(error: Exception) -> int:
    text = "".join(traceback.format_exception(error))
    reason = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1][:500]
    kept = _keep(f"dejavu {__version__}, Python {sys.version.split()[0]}\n{sys.argv}\n\n{text}")
    where = f"The traceback is in {kept}: please report it with that file." if kept else text
    return _say(f"This is a bug of dejavu, not of your input: {reason}\n{where}", BUG)


def _keep(text: str) -> Path | None:
    """Write a traceback below ``logs/``, or where temporary files go; None where neither can be written."""
    name = f"bug-{datetime.datetime.now():%Y%m%d-%H%M%S}-{os.getpid()}.txt"
    for folder in (LOGS, Path(tempfile.gettempdir())):
        with contextlib.suppress(OSError):
            folder.mkdir(exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8", errors="backslashreplace")
            return folder / name
    return None
