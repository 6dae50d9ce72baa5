"""Files that are written whole or not at all.  Standard library only."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, content: bytes | str, to_disk: bool = False) -> None:
    """Write beside ``path`` and rename: whoever reads finds the old file or the new one.

    Several processes may write the same file at once.  The folder is made.
    to_disk: wait until the content is on the disk, so that it also outlives the machine's end.
    Raises OSError: it cannot be written; a file that was there before stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            if to_disk:
                file.flush()
                os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)


def _umask() -> int:
    """What this process leaves out of a new file's permissions; the system tells it only to who sets it."""
    umask = os.umask(0o077)
    os.umask(umask)
    return umask
