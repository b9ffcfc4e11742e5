"""The command ``wganalyze``: subcommands are entry points, listed from metadata and imported when they are called."""

from __future__ import annotations

import os
import sys
import traceback
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click

from wganalyze.errors import CheckpointError, DataError, UsageError, WganalyzeError
from wganalyze.exit_codes import ExitCode
from wganalyze.text import one_line, reason_of

GROUP = "wganalyze.commands"
OWN = "wganalyze"
DEBUG = "wganalyze.debug"


class Verbs(click.Group):
    """A group whose commands come from installed packages, our own among them."""

    @cached_property
    def entries(self) -> dict[str, EntryPoint]:
        """Entry points by name; our own cannot be replaced."""
        entries: dict[str, EntryPoint] = {}
        for entry in entry_points(group=GROUP):
            if entry.name not in entries or _distribution(entry) == OWN:
                entries[entry.name] = entry
        return entries

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self.entries, key=lambda name: (_distribution(self.entries[name]) != OWN, name))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = self.entries.get(cmd_name)
        if entry is None:
            return None
        try:
            command = entry.load()
        except Exception as error:
            if ctx.resilient_parsing:  # a shell completes: what is broken is not offered
                return None
            raise UsageError(
                f"the command {cmd_name!r} of {_distribution(entry)} cannot be imported ({reason_of(error)})"
            ) from error
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Our own verbs with their help, which is cheap to import; a stranger's with its distribution's summary."""
        rows = []
        for name in self.list_commands(ctx):
            entry = self.entries[name]
            if _distribution(entry) == OWN:
                try:
                    command = self.get_command(ctx, name)
                    text = command.get_short_help_str(limit=90) if command else ""
                except UsageError as error:  # the other verbs still have their help
                    text = str(error)
            else:
                text = f"{_summary(entry)} ({_distribution(entry)})"
            rows.append((name, text))
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else "unknown"


def _summary(entry: EntryPoint) -> str:
    return str(entry.dist.metadata["Summary"] or "") if entry.dist is not None else ""


def debug_option(function: Any) -> Any:
    """``--debug``: show tracebacks."""

    def remember(ctx: click.Context, _: click.Parameter, value: bool) -> None:
        ctx.find_root().meta[DEBUG] = ctx.find_root().meta.get(DEBUG, False) or value

    return click.option(
        "--debug", is_flag=True, expose_value=False, callback=remember, help="Show tracebacks of errors."
    )(function)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name=OWN, message="wganalyze %(version)s")
@debug_option
def cli() -> None:
    """What did your GAN learn? Analyse the checkpoints of any trainer, with numbers that carry their own proof.

    \b
    wganalyze demo            train two small WGANs, analyse them, show the report
    wganalyze run ckpt/       analyse a folder of checkpoints
    wganalyze inspect ckpt/   say what is in it, and what is missing to run
    """


def main() -> None:
    """Run the command line and exit: 0 good, 1 a cell failed, 2 usage or nothing to open, 130 interrupted."""
    # Threads of OpenMP that wait by spinning take many times as long beside another busy process, and gain nothing.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    sys.exit(call(sys.argv[1:]))


def call(arguments: list[str]) -> int:
    """The exit code of one command line; errors go to stderr in one line, with a traceback only under --debug."""
    debug = "--debug" in arguments
    try:
        code = cli.main(arguments, prog_name="wganalyze", standalone_mode=False)
        return code if isinstance(code, int) else ExitCode.OK
    except click.exceptions.NoArgsIsHelpError as request:
        request.show()
        return ExitCode.USAGE
    except click.ClickException as error:
        context = error.ctx if isinstance(error, click.UsageError) else None
        more = f" See: {context.command_path} --help" if context is not None else ""
        click.echo(f"Error: {one_line(error.format_message())}{more}", err=True)
        return ExitCode.USAGE
    except WganalyzeError as error:
        if debug:
            traceback.print_exc()
        click.echo(f"Error: {one_line(error)}", err=True)
        usage = isinstance(error, UsageError | CheckpointError | DataError)
        return ExitCode.USAGE if usage else ExitCode.FAILED
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted: what was done is kept; the same command goes on from there.", err=True)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return ExitCode.FAILED
    except Exception as error:
        if debug:
            traceback.print_exc()
        click.echo(f"Error: unforeseen {reason_of(error)}; --debug shows where it came from", err=True)
        return ExitCode.FAILED
