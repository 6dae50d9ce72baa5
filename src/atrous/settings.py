"""Which trainings differ in nothing but their seed, and what tells the others apart, in few words.

A training is known by its config: plain data with its interpolations, as a checkpoint holds it.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# What changes neither the weights nor what is scored.  Where the data lie is none of it: they may be others.
IDLE = (
    "allow",
    "callbacks.network",
    "callbacks.pictures",
    "callbacks.progress_bar",
    "callbacks.summary",
    "callbacks.throughput",
    "data.cache",
    "data.cache_dir",
    "data.eval_batch_size",
    "data.limits.test",
    "data.num_workers",
    "data.on_bad_sample",  # of the same files either choice makes the same weights, or one of them none
    "data.splits.test",
    "inference.window_batch",
    "logger",
    "objective",
    "paths.cache",
    "paths.output",
    "paths.runs",
    "resume",
    "trainer.accelerator",
    "trainer.benchmark",
    "trainer.checkpoint_activations",
    "trainer.default_root_dir",
    "trainer.deterministic",
    "trainer.enable_model_summary",
    "trainer.log_every_n_steps",
    "trainer.on_bad_step",  # of a training without bad steps either choice makes the same weights
    "trust_checkpoint",
)
LONGEST = 50  # letters of a setting in a name

Settings = Mapping[str, Any]


def settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """What matters of a config, by dotted key; lists are values."""
    return {
        key: value
        for key, value in _flat(config, "").items()
        if not any(key == idle or key.startswith(f"{idle}.") for idle in IDLE)
    }


def differing(several: Sequence[Settings]) -> dict[str, list[Any]]:
    """The keys whose values are not all equal, with the value of each; None where it lacks the key.

    Where all are interpolations they are left out: what they point to differs itself.
    """
    found = {key: [each.get(key) for each in several] for each in several for key in each}
    return {
        key: values
        for key, values in found.items()
        if any(value != values[0] for value in values)
        and not all("${" in str(value) for value in values if value is not None)
    }


def names(several: Sequence[Settings | None], otherwise: Sequence[str]) -> list[str]:
    """A short name each, all different: what differs from the others in their settings.

    several: None where the settings are not known.
    otherwise: what each is called where these do not tell; all different.
    """
    known = [each for each in several if each is not None]
    told = iter(_by_settings(known))
    found = [
        (next(told) if each is not None else "") or name
        for each, name in zip(several, otherwise, strict=True)
    ]
    return [
        name if found.count(name) == 1 else f"{name} ({other})"
        for name, other in zip(found, otherwise, strict=True)
    ]


def short_paths(paths: Sequence[Path]) -> list[str]:
    """Of each path as many of its last parts as tell it from the others, which are other paths."""
    tails = [
        [str(Path(*parts[-length:])) for length in range(1, len(parts) + 1)]
        for parts in (path.absolute().parts for path in paths)
    ]
    everything = [tail for own in tails for tail in own]
    return [next((tail for tail in own if everything.count(tail) == 1), own[-1]) for own in tails]


def _by_settings(several: Sequence[Settings]) -> list[str]:
    """As few of the differing settings as tell all apart, those that name a part first."""
    chosen: list[list[str]] = [[] for _ in several]
    for column in _columns(several):
        longer = [[*words, word] for words, word in zip(chosen, column, strict=True)]
        if len(set(map(tuple, longer))) > len(set(map(tuple, chosen))):
            chosen = longer
    return [", ".join(filter(None, words)) for words in chosen]


def _columns(several: Sequence[Settings]) -> list[list[str]]:
    """What tells settings apart, with a word for each: parts (model=Unet), then values (optimizer.lr=0.1)."""
    differ = differing(several)
    parts: dict[str, list[str]] = {}
    for key, values in differ.items():  # of several parts of one group, the inner one comes last
        if key.endswith("._target_"):
            group = parts.setdefault(key.split(".")[0], [""] * len(several))
            for place, value in enumerate(values):
                group[place] = str(value).rpartition(".")[2] if value is not None else group[place]
    named = [[f"{group}={word}" if word else "" for word in words] for group, words in parts.items()]
    plain = [
        [f"{key}={value}" for value in map(_word, values)]
        for key, values in differ.items()
        if not key.endswith("._target_") and all(key in each for each in several)
    ]
    return named + [column for column in plain if max(map(len, column)) <= LONGEST]


def _word(value: Any) -> str:
    """A value as people write it in an override."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _flat(node: Any, prefix: str) -> dict[str, Any]:
    if not isinstance(node, Mapping):
        return {prefix: node}
    return {
        key: value
        for name, child in node.items()
        for key, value in _flat(child, f"{prefix}.{name}" if prefix else str(name)).items()
    }
