"""Peak memory and seconds of evaluating one 2048x1024 picture with 19 classes on the processor, by mode.

python benchmarks/inference_memory.py [mode ...]

A mode runs in a process of its own: DeepLabV3+ with a MobileNetV2 encoder at output stride 16.  The peak is
the process's largest resident size, with the interpreter and its libraries (the row "imports").
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

HEIGHT, WIDTH, NUM_CLASSES = 1024, 2048, 19
WINDOWS = {"window": (HEIGHT // 2, WIDTH // 2), "stride": (341, 683)}
SCALES = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)
MODES = {
    "imports": None,
    "whole": {},
    "whole_flip": {"flip": True},
    "slide": WINDOWS,
    "slide_flip_largest": {"scales": SCALES[-1:], "flip": True, **WINDOWS},
    "slide_tta": {"scales": SCALES, "flip": True, **WINDOWS},
    "tta": {
        "scales": SCALES,
        "flip": True,
        "window": (HEIGHT, WIDTH),
        "stride": (HEIGHT * 3 // 4, WIDTH * 3 // 4),
    },
    "tta_without_windows": {"scales": SCALES, "flip": True},
}


def measure(mode: str) -> dict[str, float]:
    """In this process: seconds, and the peak in GiB."""
    import torch

    from atrous.data.layouts.cityscapes import LABEL_SETS
    from atrous.inference import Inference
    from atrous.models.smp import deeplab
    from atrous.module import SegmentationModule

    options = MODES[mode]
    seconds = 0.0
    if options is not None:
        import segmentation_models_pytorch as smp

        net = deeplab(
            smp.DeepLabV3Plus, 16, encoder="mobilenet_v2", encoder_weights=None, num_classes=NUM_CLASSES
        )
        module = SegmentationModule(
            net, LABEL_SETS[NUM_CLASSES], (0.5,) * 3, (0.2,) * 3, inference=Inference(**options)
        ).eval()
        images = torch.randint(0, 256, (1, 3, HEIGHT, WIDTH), dtype=torch.uint8)
        start = time.perf_counter()
        with torch.inference_mode():
            module.predict(images)
        seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"seconds": round(seconds, 2), "peak_gib": round(peak, 2)}


def main() -> None:
    """Measure the modes that are named, or all, and write inference_memory.json beside this file."""
    modes = sys.argv[1:] or list(MODES)
    found = {}
    for mode in modes:
        done = subprocess.run(
            [sys.executable, __file__, "--here", mode], capture_output=True, text=True, check=True
        )
        found[mode] = json.loads(done.stdout)
        print(f"{mode:24s} {found[mode]['peak_gib']:6.2f} GiB {found[mode]['seconds']:8.2f} s", flush=True)
    Path(__file__).with_suffix(".json").write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--here"]:
        print(json.dumps(measure(sys.argv[2])))
    else:
        main()
