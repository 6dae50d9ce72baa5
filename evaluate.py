"""Score a checkpoint.

python evaluate.py checkpoint=runs/.../best.ckpt split=test
"""

from atrous.cli import main

if __name__ == "__main__":
    main("evaluate")
