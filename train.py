"""Train a model.

python train.py model=deeplabv3plus data=camvid paths.data=FOLDER
"""

from atrous.cli import main

if __name__ == "__main__":
    main("train")
