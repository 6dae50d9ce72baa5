"""For mkdocs: links out of docs/, which GitHub follows to the source, become their text on the site."""

import re
from typing import Any

OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./[^)]*\)")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page's text, as mkdocs hands it over before it is rendered."""
    return OUTSIDE.sub(r"\1", markdown)
