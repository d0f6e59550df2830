"""What a system's refusal means for the user: one line with the path and what to do."""

import errno
import re

_CODE = re.compile(r"errno (\d+)", re.IGNORECASE)  # libraries put it into their text
_PATH = re.compile(r"'([^']*/[^']*)'")
_WHAT_TO_DO = {
    errno.EACCES: "Make it writable and readable for this user, or run in a folder that is.",
    errno.EPERM: "Make it writable and readable for this user, or run in a folder that is.",
    errno.EROFS: "It is on a read-only file system: run in a copy of the project that can be written.",
    errno.ENOSPC: "The disk is full: free some space and run again; finished work is kept.",
    errno.EDQUOT: "Your share of the disk is used up: free some and run again; finished work is kept.",
    errno.EMFILE: "Too many files are open: raise the limit with `ulimit -n 4096` and run again.",
    errno.ENOENT: "It is not there: check the path; `dvc repro` makes what other stages make.",
    errno.EISDIR: "A folder stands where a file belongs: move it away and run again.",
    errno.ENOTDIR: "A file stands where a folder belongs: move it away and run again.",
    errno.EIO: "The disk or the network folder failed: check it, and run again.",
}


LESS_MEMORY = "Ask for less at once (machine.batch_images, machine.block_rows), or free some."


def line_of(error: OSError) -> str:
    """Return what happened, where, and what to do, on one line."""
    text = " ".join(str(error).split())
    if "No usable temporary directory" in text:
        return (
            f"No folder for temporary files can be written (tried {text.partition('in ')[2]}). "
            "Set the variable TMPDIR to one that can."
        )
    match = _CODE.search(text)
    number = error.errno or (int(match[1]) if match else None)
    named = _PATH.search(text)
    path = error.filename or (named[1] if named else None)
    where = path if path is not None else "a file that the system does not name"
    reason = error.strerror or text
    advice = _WHAT_TO_DO.get(number or 0, "Check the path and its file system, and run again.")
    return f"{where}: {reason}. {advice}"
