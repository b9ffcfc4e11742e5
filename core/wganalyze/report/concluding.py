"""Verdicts are reached: what the analyzers of a report say of each training run as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from wganalyze.contracts.evidence import Evidence, Sentence, TrainingRun
from wganalyze.errors import NotMeasurable, WganalyzeError
from wganalyze.report.evidence import evidence_of
from wganalyze.report.questions.best import Ranking, best
from wganalyze.report.source import Source
from wganalyze.report.verdict import RunVerdict
from wganalyze.text import reason_of

if TYPE_CHECKING:
    from wganalyze.contracts.analyzer import Analyzer

BEST, LAST = 20, 1000
"""Ranks of what is said for all analyzers: the best step, and what was assumed."""
READ_OFF = ("step ", "latent shape ")
RECOGNISED = "recognised by keys and shapes"
"""What tells an assumption that the weights themselves bear out, or that changes no number."""


def verdicts_of(
    report: Source, analyzers: Iterable[type[Analyzer]], tell: Callable[[str], None] = lambda _: None
) -> list[RunVerdict]:
    """One for each training run of which an analyzer has something to say.

    ``tell`` is given a line for each analyzer that fails.
    """
    found = []
    asked = [*analyzers]
    rankings = _rankings(report)
    for evidence in evidence_of([report]):
        labels = _labels(evidence)
        for run in evidence.runs:
            mine = labels.get(run.name, [])
            sentences = [sentence for cls in asked for sentence in _said(cls, run, evidence, tell)]
            if sentences:
                sentences += [*_best(rankings, mine), *_assumed(report, mine)]
                sentences.sort(key=lambda sentence: sentence.rank)
                found.append(RunVerdict(run.name, (*mine,), (*sentences,)))
    return found


def _said(cls: type[Analyzer], run: TrainingRun, evidence: Evidence, tell: Callable[[str], None]) -> Iterator[Sentence]:
    try:
        yield from [*cls.verdict(run, evidence)]
    except NotMeasurable:
        pass
    except Exception as error:  # somebody else's analyzer, which takes nothing with it
        tell(f"the verdict of {cls.name} on {run.name} failed ({reason_of(error)})")


def _labels(evidence: Evidence) -> dict[str, list[str]]:
    """The snapshots of each training run, in order."""
    rows = evidence.measurements[["run", "snapshot", "step"]].drop_duplicates().sort_values("step", kind="stable")
    return {str(run): [*dict.fromkeys(group["snapshot"])] for run, group in rows.groupby("run", sort=False)}


def _rankings(report: Source) -> dict[str, tuple[str, Ranking]]:
    """By snapshot: the trajectory that it belongs to, ranked, and the metric that it is ranked by."""
    try:
        answer = best(report)
    except WganalyzeError:  # nothing that was measured has a direction
        return {}
    return {each.label: (answer.asked.name, ranking) for ranking in answer.trajectories for each in ranking.candidates}


def _best(rankings: Mapping[str, tuple[str, Ranking]], labels: Sequence[str]) -> Iterator[Sentence]:
    """The best step of a run, and those that are as good; nothing where there is one step, or all are as good."""
    name, ranking = next((rankings[label] for label in labels if label in rankings), ("", None))
    if ranking is None or not ranking.worse or ranking.best.step is None:
        return
    steps = sorted(each.step for each in ranking.alike if each.step is not None)
    text = f"By {name} step {ranking.best.step} is the best"
    if steps:
        others = f"step{'s' if len(steps) > 1 else ''} {', '.join(map(str, steps))}"
        text += f", and {others} cannot be told from it"
    yield Sentence(f"{text}.", BEST, (name,))


def _assumed(report: Source, labels: Sequence[str]) -> Iterator[Sentence]:
    """What was assumed about the last of the snapshots and could change the answer."""
    entries = {entry["label"]: entry for entry in report.run.get("snapshots", [])}
    texts = [text for label in labels[-1:] for text in entries.get(label, {}).get("assumptions", ())]
    texts = [text for text in texts if not text.startswith(READ_OFF) and RECOGNISED not in text]
    if texts:
        more = f", and {len(texts) - 1} more" if len(texts) > 1 else ""
        yield Sentence(f"It rests on an assumption: {texts[0]}{more}.", LAST)
