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
    env = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(Text(f"$ {shlex.join(command)}", style="bold"))
    console.print(Text.from_ansi(done.stdout.strip()))
    console.save_svg(str(picture), title="atrous", code_format=FONTS.sub("", CONSOLE_SVG_FORMAT))
    print(f"{picture}: {picture.stat().st_size // 1000} kB")


if __name__ == "__main__":
    take(Path(sys.argv[1]), sys.argv[2:])
