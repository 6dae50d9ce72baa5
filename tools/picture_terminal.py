"""A picture of a terminal for docs/: what a command prints, with its colours, as an SVG.

python tools/picture_terminal.py PICTURE.svg COMMAND ...
    as python tools/picture_terminal.py docs/terminal.svg atrous evaluate checkpoint=runs/.../best.ckpt
"""

import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

WIDTH = 110
FONTS = re.compile(r"@font-face \{\{.*?\}\}", re.DOTALL)  # which would be loaded from elsewhere


def take(picture: Path, command: list[str]) -> None:
    """Run ``command`` and draw its output, below its line."""
    # Colours, but no bar that moves: each of its frames would be a line.
    env = {**os.environ, "TTY_COMPATIBLE": "1", "TTY_INTERACTIVE": "0", "COLUMNS": str(WIDTH)}
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
    printed = done.stdout.strip().replace(f"{Path.cwd()}/", "")
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(Text(f"$ {shlex.join(command)}", style="bold"))
    console.print(Text.from_ansi(printed))
    console.save_svg(str(picture), title="atrous", code_format=FONTS.sub("", CONSOLE_SVG_FORMAT))
    print(f"{picture}: {picture.stat().st_size // 1000} kB")


if __name__ == "__main__":
    take(Path(sys.argv[1]), sys.argv[2:])
