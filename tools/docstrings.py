"""For the site's API reference: what a docstring says a parameter a line, `name: what`, becomes a list."""

import re
from typing import Any

import griffe

# name: ...   name, other: ...   Raises ValueError: ...   each with its indented lines below
ENTRY = re.compile(r"^((?:Raises \w+|\w+(?:, \w+)*)): (.*(?:\n[ ]{4}\S.*)*)", re.MULTILINE)
FLAG = re.compile(r"[ ]*# doctest: \+\w+")


class Listed(griffe.Extension):
    """Griffe's hook."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called with each class, function and module that was read."""
        if obj.docstring:
            obj.docstring.value = listed(obj.docstring.value)


def listed(text: str) -> str:
    """Markdown, with a list entry for each parameter."""
    lines = ENTRY.sub(r"- `\1`: \2", FLAG.sub("", text))
    return re.sub(r"^(?!- `)(\S.*\n)(- `)", r"\1\n\2", lines, flags=re.MULTILINE)
