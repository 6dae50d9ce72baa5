"""What an evaluation costs after the network, beside it, and by mode of inference.

python benchmarks/evaluation.py [--quick]

After the network: class scores at a quarter of 1024x2048 with 19 classes, two pictures; the peer upsamples
them, takes the argmax and has torchmetrics count, as most programs do; both on one core.  Beside it: the loop
over pictures with DeepLabV3+ on a MobileNetV2 at output stride 16, its network on one core, so that another
is free as all are beside a GPU.  By mode: the same network on all cores.

Memory is measured in processes of their own, as their largest resident size: after the network less what was
resident when it had ended, by mode with the interpreter and its libraries.
"""

import torch
from evaluation_ways import MODES, OURS, PEER, WAYS, C, differing, drawn, elsewhere, loop, network, seconds
from measure import Table, arguments, in_turn, publish

SIZE, QUICK = (1024, 2048), (256, 512)


def after_the_network(size: tuple[int, int], repetitions: int, names: list[str]) -> list[Table]:
    """Seconds, memory, and what differs."""
    coarse, labels = drawn(size)
    shape = f"2x{C}x{size[0]}x{size[1]}"
    spent = in_turn(
        {name: lambda way=WAYS[name]: seconds(lambda: way(coarse, labels)) for name in names}, repetitions
    )
    grown = in_turn(
        {name: lambda name=name: elsewhere(name, size)["mib"] for name in names}, min(3, repetitions), 0
    )
    ties = {f"of {2 * size[0] * size[1]:,}": [differing(size, seed) for seed in range(repetitions)]}
    return [
        Table(f"Labels and counts from coarse scores, {shape}, on one core", "seconds", spent, PEER),
        Table("Memory that this needs besides the scores", "MiB", grown, PEER),
        Table("Pixels labelled otherwise than by the peer, a seed each", "pixels", ties),
    ]


def beside_the_network(size: tuple[int, int], repetitions: int, num_pictures: int) -> Table:
    """Seconds of the loop."""
    predict = network({})
    ways = {"counted in the loop": False, "counted beside it": True}
    spent = in_turn(
        {
            name: lambda beside=beside: (
                seconds(lambda: loop(predict, size, num_pictures, beside)) / num_pictures
            )
            for name, beside in ways.items()
        },
        repetitions,
    )
    return Table("An evaluation's loop, a picture", "seconds", spent, "counted in the loop")


def by_mode(size: tuple[int, int], modes: list[str]) -> Table:
    """Memory, once each."""
    found = {name: [elsewhere(name, size)["mib"] / 1024] for name in modes}
    return Table("Memory of the whole process by mode", "GiB", found)


def main() -> None:
    """Measure, print and write."""
    asked = arguments(__doc__)
    torch.set_num_threads(1)  # of this process; cores that others want would show as noise
    if asked.quick:
        tables = after_the_network(QUICK, 1, [PEER, OURS])
        tables += [beside_the_network(QUICK, 1, 2), by_mode(QUICK, ["imports alone", "whole"])]
    else:
        tables = after_the_network(SIZE, asked.repetitions, list(WAYS))
        tables += [beside_the_network(SIZE, asked.repetitions, 4), by_mode(SIZE, list(MODES))]
    publish(__file__, tables, asked.quick)


if __name__ == "__main__":
    main()
