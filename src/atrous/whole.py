"""Files that are written whole or not at all.  Standard library only."""

import os
import secrets
from pathlib import Path


def write_whole(path: Path, content: bytes | str, to_disk: bool = False) -> None:
    """Write beside ``path`` and rename: whoever reads finds the old file or the new one.

    Several processes may write the same file at once.  The folder is made.
    to_disk: wait until the content is on the disk, so that it also outlives the machine's end.
    Raises OSError: it cannot be written; a file that was there before stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            if to_disk:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
