"""One verdict on the runs of a setting that differ in their training seed: what is said of all is said once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from wganalyze.contracts.evidence import Sentence
from wganalyze.report.verdict import RunVerdict

_SEED = re.compile(r"(?i)(?<![a-z])(seed[ =_-]?)(\d+)(?![\da-z])")
_INTERVAL = re.compile(r" \[[+-]?[\d.e+-]+, [+-]?[\d.e+-]+\]")
_QUANTITY = re.compile(r"\([^()]*,[^()]*\)|(?<![\w./])([+-]?(?:\d+\.\d+(?:e[+-]?\d+)?%?|\d+%))(?![\w/])")
"""With a point or a percent sign, and in no place "(x, y)": whole numbers count, or name steps, modes and classes."""


def joint(verdicts: Sequence[RunVerdict]) -> list[RunVerdict]:
    """Those of runs whose names differ in a seed ("a/seed=0", "a/seed=1") as one, in the place of the first.

    A sentence that all of them share but for its quantities is told once, each of them by its least and its largest
    value, without intervals, which are those of one run; others name the seeds that they are about.
    """
    groups: dict[str, list[RunVerdict]] = {}
    for verdict in verdicts:
        groups.setdefault(_SEED.sub(r"\1*", verdict.run), []).append(verdict)
    return [group[0] if len(group) == 1 else _joined(setting, group) for setting, group in groups.items()]


def _joined(setting: str, group: Sequence[RunVerdict]) -> RunVerdict:
    shared: dict[tuple[str, int], dict[str, Sentence]] = {}
    for verdict in group:
        templates = [_template(sentence.text) for sentence in verdict.sentences]
        for place, (template, sentence) in enumerate(zip(templates, verdict.sentences, strict=True)):
            shared.setdefault((template, templates[:place].count(template)), {})[verdict.run] = sentence
    told = [_told(by_run, group) for by_run in shared.values()]
    labels = tuple(label for verdict in group for label in verdict.labels)
    return RunVerdict(f"{setting} ({len(group)} seeds)", labels, tuple(sorted(told, key=lambda each: each.rank)))


def _told(by_run: dict[str, Sentence], group: Sequence[RunVerdict]) -> Sentence:
    sentences = [*by_run.values()]
    text = _ranges([sentence.text for sentence in sentences])
    if len(by_run) < len(group):
        seeds = ", ".join(number for run in by_run for _, number in _SEED.findall(run)[-1:])
        begin = text[:1].lower() if text[1:2].islower() else text[:1]
        text = f"Seed{'s' if len(by_run) > 1 else ''} {seeds}: {begin}{text[1:]}"
    evidence = dict.fromkeys(name for sentence in sentences for name in sentence.evidence)
    return replace(sentences[0], text=text, evidence=tuple(evidence))


def _template(text: str) -> str:
    """A sentence without its intervals and quantities."""
    return _replaced(_INTERVAL.sub("", text), iter(()))


def _replaced(text: str, quantities: Iterator[str]) -> str:
    return _QUANTITY.sub(lambda found: next(quantities, "#") if found[1] else found[0], text)


def _ranges(texts: Sequence[str]) -> str:
    """Sentences of one template as one."""
    if len(set(texts)) == 1:
        return texts[0]
    plain = [_INTERVAL.sub("", text) for text in texts]
    columns = zip(*([each for each in _QUANTITY.findall(text) if each] for text in plain), strict=True)
    return _replaced(plain[0], iter([_range(column) for column in columns]))


def _range(quantities: Iterable[str]) -> str:
    ordered = sorted(quantities, key=lambda each: float(each.rstrip("%")))
    least, largest = ordered[0], ordered[-1]
    return least if float(least.rstrip("%")) == float(largest.rstrip("%")) else f"{least} to {largest}"
