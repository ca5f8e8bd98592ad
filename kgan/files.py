"""Files appear whole or not at all: written beside their place, flushed, then renamed into it."""

import contextlib
import os
import pathlib
import shutil
import tempfile

from kgan.errors import UsageError


@contextlib.contextmanager
def replacing(path):
    """Yields a temporary path beside `path` and renames it into place if the block succeeds.

    Args:
        path: the file or folder to be written; its parent is created. The temporary name keeps the
            suffix, because some writers choose the format by it. A failure leaves the old one untouched.

    Raises:
        UsageError: the parent is a file.

    Example:

    >>> import pathlib, tempfile
    >>> target = pathlib.Path(tempfile.mkdtemp()) / "note.txt"
    >>> with replacing(target) as temporary:
    ...     _ = temporary.write_text("whole")
    >>> target.read_text()
    'whole'
    """
    path = pathlib.Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise UsageError(
            f"the folder of {path.name} must be a folder, {path.parent} is or lies in a file"
        ) from None
    # A folder of its own on the same file system: rename is atomic there, and leftovers are recognisable.
    beside = pathlib.Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    temporary = beside / path.name
    try:
        yield temporary
        if temporary.is_dir():
            old = beside / "old"
            if path.exists():
                path.rename(old)
            try:
                temporary.rename(path)
            except OSError:
                if old.exists():
                    old.rename(path)
                raise
        else:
            with open(temporary, "rb") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
