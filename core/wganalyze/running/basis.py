"""What the cells of a run stand on: analyzers, data and sizes, found for a request that is opened."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from wganalyze.cells.embedded import Space
from wganalyze.cells.executors.others import Others
from wganalyze.cells.measuring import Question, for_run
from wganalyze.contracts.data import DataSource
from wganalyze.contracts.terms import CONFIG_NAME, PIXELS, Role
from wganalyze.errors import DataError, UsageError, WganalyzeError
from wganalyze.files import unread
from wganalyze.inference.trials import infer_critics, infer_generators
from wganalyze.networks.draft import Draft
from wganalyze.networks.trust import Permission
from wganalyze.report.views import Views
from wganalyze.running.budget import Plan, asked_for, within_budget
from wganalyze.running.choosing import choose_analyzers, choose_device
from wganalyze.running.factories import check_factories
from wganalyze.running.feeds import find_feed
from wganalyze.running.given import find_source, name_of
from wganalyze.running.opened import Opened, was_followed
from wganalyze.running.preprocessing import said_preprocessing
from wganalyze.running.progress import Progress
from wganalyze.running.request import Request
from wganalyze.running.run_json import earlier_plan
from wganalyze.running.sizes import largest_n, make_deal
from wganalyze.running.spaces import asked_in, find_spaces
from wganalyze.settings import defaults
from wganalyze.settings.facts import Said
from wganalyze.snapshots.gathering import LEFT_OUT
from wganalyze.study.dealing import Deal
from wganalyze.study.feeding import Feed
from wganalyze.study.sharing import Cache
from wganalyze.study.training import check_training
from wganalyze.text import reason_of

ROLES: tuple[Role, ...] = ("generator", "critic")


@dataclass
class Basis:
    """What the cells of a run stand on, whichever snapshots there are; several runs into one report may share it.

    ``lost``: why analyzers that were asked for are left out. ``shared``: what is computed once for the data.
    ``views``: those of the report, where many runs go into it. ``many``: snapshots of all of these runs. ``others``:
    processes that compute cells; None: this one.
    """

    questions: Sequence[Question]
    deal: Deal | None
    device: str
    plan: Plan | None = None
    lost: Sequence[str] = ()
    shared: Cache = field(default_factory=dict)
    views: Views | None = None
    many: int = 1
    others: Others | None = None


def tell_problems(opened: Opened, request: Request, progress: Progress) -> None:
    """What is wrong with files and plugins, a line each."""
    for file in opened.files:
        for problem in file.problems if file.kind is not None else ():
            if was_followed(problem, request.said):
                continue
            progress.note(f"{file.path.name}: {problem}" if file.path.name not in problem else problem)
    left: dict[str, list[str]] = {}
    for path, lines in opened.assembled.notes.items():
        for line in lines:
            left.setdefault(line, []).append(path.name)
    for line, names in left.items():
        if line != LEFT_OUT:  # what the user said
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            progress.note(f"{names[0]}{more}: {line}")
    if opened.snapshots:
        for line in unread.lines(filter(unread.is_named, opened.files), request.path):
            progress.note(line)
    for plugin in opened.host.plugins:
        if plugin.warning:
            progress.note(f"plugin {plugin.name} of {plugin.distribution} {plugin.warning}")


def find_basis(request: Request, opened: Opened, progress: Progress) -> tuple[Basis, Sequence[Draft]]:
    """What the run stands on, and its snapshots (with --infer, some of their networks are guessed on the way)."""
    check_factories(opened.said, opened.snapshots)
    questions, lost = choose_analyzers(opened.said, opened.host)
    device = choose_device(request.said.get("device", defaults.DEVICE))
    source = _source(opened, progress)
    feed = find_feed(opened.said, opened.host, source)
    snapshots, deal = _dealt(opened, source, progress, feed, infer=request.said.get("infer", False))
    if "training_data" in opened.said:
        deal = _beside_training(deal, opened, asked="training_data" in request.said)
    questions = [*asked_in(questions, _spaces(opened, snapshots, request.said))]
    if not any(s.make_generator or s.make_critic or s.make_samples for s in snapshots):
        raise UsageError(f"{request.path}: no network can be built: {'; '.join(_missing(snapshots, ()))}")
    told = {problem for file in opened.files for problem in file.problems}
    for line in [*lost, *_missing(snapshots, told)]:
        progress.note(line)
    plan = None
    if "budget" in opened.said:
        if deal is None:
            raise UsageError("--budget chooses how many samples are drawn: say --data NAME too")
        plan = _timed(deal, request, opened.said, snapshots, questions, device, progress)
        deal = plan.applied(deal)
        questions = [for_run(question, 1)[0] if plan.hurried else question for question in questions]
    return Basis(questions, deal, device, plan, lost), snapshots


def _spaces(opened: Opened, snapshots: Sequence[Draft], said: Said) -> list[Space | None]:
    permission = Permission(said.get("trust", False), tuple(said.get("allow", ())))
    return find_spaces(opened.said.get("space", (PIXELS,)), opened.host, snapshots, permission)


def _source(opened: Opened, progress: Progress) -> DataSource | None:
    if "data" not in opened.said:
        progress.note("no --data: analyzers that need real samples are skipped")
        return None
    source = find_source(opened.said["data"], opened.host)
    with _answering(source):
        _ = source.size
    return source


def _beside_training(deal: Deal | None, opened: Opened, *, asked: bool) -> Deal | None:
    """The deal with what was trained on, which is to be other data than those that are measured on.

    ``asked``: by the call. What a file beside the checkpoints says is a fact, which may be that these are the same.
    """
    said = opened.said.get("training_data", "")
    if deal is None and not asked:
        return None
    if deal is None:
        raise UsageError("--training-data stands beside --data: say --data NAME too, of samples that were held out")
    try:
        source = find_source(said, opened.host, "--training-data")
        with _answering(source, "--training-data"):
            if not asked and source.digest == deal.source.digest:
                note = f"generators were trained on the samples that they are measured on ({CONFIG_NAME} says so)"
                return replace(deal, held_out=False, assumptions=(*deal.assumptions, note))
            check_training(source, deal.source, name_of(source, said))
    except DataError as error:  # sources call themselves --data
        raise DataError(str(error).replace("--data ", "--training-data ", 1)) from None
    return replace(deal, trained_on=source)


@contextmanager
def _answering(source: DataSource, option: str = "--data") -> Iterator[None]:
    """What a source raises before there is a cell to hold it becomes a line with its name."""
    try:
        yield
    except WganalyzeError:
        raise
    except (Exception, SystemExit) as error:
        reason = reason_of(error)
        raise DataError(f"{option} {source.name}: the source failed ({reason})") from error


def _dealt(
    opened: Opened, source: DataSource | None, progress: Progress, feed: Feed | None = None, *, infer: bool
) -> tuple[Sequence[Draft], Deal | None]:
    """The snapshots and the deal of their data; with --infer, architectures that nobody named are guessed on the way.

    Generators come first, since the range of the data may be read from what they make, and critics need both.
    """
    snapshots: Sequence[Draft] = opened.snapshots
    if not infer or not any(snapshot.unbuilt for snapshot in snapshots):
        return snapshots, None if source is None else _deal(source, opened, snapshots, feed)
    if source is None:
        raise UsageError("--infer tries its guesses on the data: say --data NAME (wganalyze plugins lists the sources)")
    if feed is not None:
        raise UsageError("--infer tries generators on latents alone: with --input or --condition, name the factories")
    progress.note("--infer: architectures are guessed and tried on the data, which takes a minute or so a network")
    architectures = opened.host.architectures
    snapshots = infer_generators(snapshots, source, architectures, said_preprocessing(source, opened.said))
    deal = _deal(source, opened, snapshots)
    return infer_critics(snapshots, deal, architectures), deal


def _missing(snapshots: Sequence[Draft], before: Collection[str]) -> Iterator[str]:
    """A line for each network that snapshots lack, with the option that would supply it, unless it was told before."""
    told: set[str] = {*before}
    for role in ROLES:
        lacking = [snapshot for snapshot in snapshots if role in snapshot.lacking]
        if not lacking or lacking[0].lacking[role] in told:
            continue
        reason = lacking[0].lacking[role]
        told.add(reason)
        roles = [r for r in ROLES if lacking[0].lacking.get(r) == reason]
        more = f" (and {len(lacking) - 1} more snapshots)" if len(lacking) > 1 else ""
        yield f"{lacking[0].label}{more}: no {' and no '.join(roles)}: {reason}"


def _timed(
    deal: Deal,
    request: Request,
    said: Said,
    snapshots: Sequence[Draft],
    questions: Sequence[Question],
    device: str,
    progress: Progress,
) -> Plan:
    """The sizes that fit into --budget: those of an earlier run with the same one, so that its cells are reused."""
    budget, replicates = float(said.get("budget", 0)), said.get("replicates")
    most = partial(largest_n, deal.source, said, deal.stored)
    asked = asked_for(said, deal, questions, device)
    plan = earlier_plan(request.report_path)
    if plan is None or plan.asked != asked or not plan.fits or plan.n > most(plan.replicates):
        progress.note("--budget: a few small samples are tried first, to see what time they take")
        sized = [for_run(question, len(snapshots))[0] for question in questions]
        plan = within_budget(deal, most, replicates, budget, snapshots, sized, device, asked)
    progress.note(plan.note)
    return plan


def _deal(source: DataSource, opened: Opened, snapshots: Sequence[Draft], feed: Feed | None = None) -> Deal:
    """The deal; the first snapshot whose generator runs may show the range of the data.

    One that does not run fails in its own cells. Where none does, for a reason that the user can mend, it is said now.
    """
    stored = min((s.samples_stored for s in snapshots if s.samples_stored is not None), default=None)
    failures: list[BaseException] = []
    for snapshot in [s for s in snapshots if s.make_generator is not None] or snapshots[:1]:
        try:
            return make_deal(source, opened.said, snapshot, stored, feed)
        except (UsageError, DataError):
            raise
        except (Exception, SystemExit) as error:
            failures.append(error)
            snapshot.release()
    if isinstance(failures[0], WganalyzeError):
        raise failures[0]
    with _answering(source):
        return make_deal(source, opened.said, None, stored, feed)
