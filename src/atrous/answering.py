"""How a command ends that something has stopped: a sentence for its user, once, and its exit status."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from atrous import launching
from atrous.sentences import is_told, sentence

TRACEBACK = "ATROUS_TRACEBACK"


@contextmanager
def answering() -> Iterator[None]:
    """Errors that a user can cause end in a sentence; others, and all if wanted, in a traceback."""
    try:
        yield
    except SystemExit as error:
        if error.code in launching.STOPPED:
            launching.is_first_to_fail()  # what the others then say is because of it
        raise
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if not is_told(error):
            launching.let_others_tell()
        if not launching.is_first_to_fail():
            sys.exit(1)
        if not is_told(error) or os.environ.get(TRACEBACK) == "1":
            raise
        handlers = logging.getLogger().handlers
        if any(
            isinstance(each, logging.FileHandler) for each in handlers
        ):  # the run folder's log, once it is
            logging.getLogger(__name__).error(sentence(error))
        stop(f"{sentence(error)}\n({TRACEBACK}=1 shows where this was raised)")


def stop(text: str) -> NoReturn:
    """Say it and end with status 1."""
    print(f"atrous: {text}", file=sys.stderr)
    sys.exit(1)
