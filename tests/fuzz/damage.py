"""What can happen to a file, how often it is tried, and what came of it."""

import atexit
import json
import os
import time
from collections import Counter
from functools import cache
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

# ATROUS_FUZZ=10000: so many examples a test; ATROUS_FUZZ_RECORD=FILE: what came of them, as JSON.
THOROUGH = int(os.environ.get("ATROUS_FUZZ", "0"))
RECORD = os.environ.get("ATROUS_FUZZ_RECORD")


def examples(few):
    """``few`` examples, or as many as ATROUS_FUZZ asks for."""
    everything = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
    return settings(max_examples=THOROUGH or few, deadline=None, suppress_health_check=everything)


class Tally:
    """Counts outcomes of one test; the record is written when the process ends."""

    def __init__(self, name):
        self.name = name
        self.outcomes = Counter()
        self.started = self.ended = time.monotonic()
        if RECORD:
            atexit.register(self.record)

    def __call__(self, outcome):
        self.outcomes[outcome] += 1
        self.ended = time.monotonic()

    def record(self):
        """Merge into ATROUS_FUZZ_RECORD."""
        outcomes, seconds = dict(sorted(self.outcomes.items())), round(self.ended - self.started, 1)
        made = {"inputs": self.outcomes.total(), **outcomes, "seconds": seconds}
        path = Path(RECORD)
        before = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**before, self.name: made}, indent=2) + "\n")


tallied = cache(Tally)


def require_ours(error, *about):
    """It is a sentence of ours, about one of these files or keys."""
    text = str(error)
    assert type(error) is ValueError or type(error).__module__.startswith("atrous."), repr(error)
    assert text.startswith(tuple(f"{start}{each}" for each in about for start in ("", "checkpoint "))), text
    assert "\n" not in text, text


KINDS = ["flip", "set", "cut", "delete", "insert", "zero", "repeat", "swap", "copy"]
# Anywhere, or near either end, where headers and directories lie.
PLACES = st.one_of(st.floats(0, 1, exclude_max=True), st.integers(0, 300), st.integers(-600, -1))
STEPS = st.lists(
    st.tuples(
        st.sampled_from(KINDS), PLACES, PLACES, st.integers(1, 2000), st.binary(min_size=1, max_size=40)
    ),
    min_size=1,
    max_size=3,
)


def damaged(content, steps):
    """``content`` after what ``steps`` did to it."""
    made = bytearray(content)
    for kind, *where, length, new in steps:
        if not made:
            break
        first, second = (_place(place, len(made)) for place in where)
        block = bytes(made[second : second + length])
        if kind == "flip":
            made[first] ^= 1 << (length % 8)
        elif kind == "set":
            made[first] = new[0]
        elif kind == "cut":
            del made[first:]
        elif kind == "delete":
            del made[first : first + length]
        elif kind == "insert":
            made[first:first] = new
        elif kind == "zero":
            made[first : first + length] = bytes(len(made[first : first + length]))
        elif kind == "repeat":
            made[first:first] = block
        elif kind == "copy":
            made[first : first + len(block)] = block
        else:
            other = bytes(made[first : first + len(block)])
            made[first : first + len(other)], made[second : second + len(other)] = block[: len(other)], other
    return bytes(made)


def _place(place, length):
    return int(place * length) if isinstance(place, float) else place % length
