"""What a list names, as pairs, with all of it that is missing on disk."""

from pathlib import Path

from atrous.data.layouts.pairs import Pair, Unmatched


class Listed:
    """Collects what a list names: whole pairs, and the files without a partner.

    remedy: ends the message.
    """

    def __init__(self, remedy: str) -> None:
        self._remedy = remedy
        self._pairs: dict[str, Pair] = {}
        self._wrong: list[tuple[str, Path | None, Path | None]] = []

    def add(self, name: str, image: Path | None, label: Path | None, wrong: str | None) -> None:
        """A line of the list.

        wrong: what is missing, and where the list says so; None: nothing is.
        Raises ValueError: another picture has the name.
        """
        if wrong is not None:
            self._wrong.append((wrong, image, label))
            return
        assert image is not None
        if name in self._pairs:
            other = self._pairs[name].image
            raise ValueError(f"{image}: same name as {other}; keep one of the two in the list")
        self._pairs[name] = Pair(name, image, label)

    def pairs(self) -> list[Pair]:
        """The pairs by name.  Raises Unmatched: all files that are missing; its message names the first."""
        pairs = [self._pairs[name] for name in sorted(self._pairs)]
        if not self._wrong:
            return pairs
        more = f" (and {len(self._wrong) - 1} more)" if len(self._wrong) > 1 else ""
        raise Unmatched(
            pairs,
            [image for _, image, _ in self._wrong if image is not None],
            [label for _, image, label in self._wrong if image is None and label is not None],
            [wrong for wrong, image, label in self._wrong if image is None and label is None],
            f"{self._wrong[0][0]}{more}; {self._remedy}",
        )
