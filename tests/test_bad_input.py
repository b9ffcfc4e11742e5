"""Whatever is wrong with the input: one line says what and what to do, the exit code tells, earlier results survive.

Every case starts from a report that is already there, and runs the command in a process of its own where the process
matters (signals, limits), else in this one.
"""

from __future__ import annotations

import os
import pickle
import resource
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import torch
from torch import nn

from wganalyze import open_report
from wganalyze.cli import call

FACTORIES = """\
from torch import nn


def Generator():
    return nn.Sequential(nn.Linear(4, 64), nn.Tanh())


def Critic(width=64):
    return nn.Sequential(nn.Flatten(), nn.Linear(width, 1))
"""
SCORING = '''\
from hashlib import sha256

from wganalyze import Analyzer, Measurement, Metric, Need, hookimpl


class Scoring(Analyzer):
    """The mean score of the real samples, and of the fakes."""

    name = "scoring"
    needs = frozenset({Need.REAL, Need.FAKE, Need.SCORES})
    metrics = (Metric("mean_real", "Mean score."), Metric("mean_fake", "Mean score."))

    def measure(self, study):
        bulk = "".join(sha256(i.to_bytes(2, "big")).hexdigest() for i in range(1200))  # a cell is larger than run.json
        yield Measurement("mean_real", float(study.scores(study.real()).mean()), message=bulk)
        yield Measurement("mean_fake", float(study.scores(study.fake()).mean()))


@hookimpl
def wganalyze_analyzers():
    return [Scoring]
'''
COMMAND = "from wganalyze.cli import main; main()"


@dataclass(frozen=True)
class Answer:
    """What a command line gave."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line of an error, after whatever the run had to note before it."""
        lines = [line for line in self.err.splitlines() if line.startswith("Error: ")]
        assert len(lines) == 1, self.err
        assert self.err.endswith(f"{lines[0]}\n"), self.err
        assert "Traceback" not in self.err + self.out
        return lines[0].removeprefix("Error: ")


@dataclass(frozen=True)
class House:
    """A trainer's folder with one good step, its report, and the command line."""

    root: Path
    call: Callable[[list[str]], Answer]

    @property
    def ckpt(self) -> Path:
        """The folder of checkpoints."""
        return self.root / "ckpt"

    @property
    def report(self) -> Path:
        """The report that is already there."""
        return self.root / "ckpt-report"

    def arguments(self, *more: object, path: Path | None = None, critic: str = "Critic") -> list[str]:
        """A quick run."""
        nets = ["--generator", f"{self.root}/factories.py:Generator", "--critic", f"{self.root}/factories.py:{critic}"]
        sizes = ["--data", "digits", "--n", "30", "--replicates", "2", "--only", "scoring,snapshot"]
        return ["run", str(path or self.ckpt), *sizes, *nets, *map(str, more)]

    def run(self, *more: object, path: Path | None = None, critic: str = "Critic") -> Answer:
        """Run in this process."""
        return self.call(self.arguments(*more, path=path, critic=critic))

    def process(self, *more: object, limit: Callable[[], None] | None = None) -> Answer:
        """Run in a process of its own."""
        result = subprocess.run(
            [sys.executable, "-c", COMMAND, *self.arguments(*more)],
            capture_output=True, text=True, env=self.environment, preexec_fn=limit, check=False, timeout=120,
        )  # fmt: skip
        return Answer(result.returncode, result.stdout, result.stderr)

    def edit(self, *lines: str) -> None:
        """Put lines at the beginning of the analyzer, for processes to come."""
        head = "    def measure(self, study):\n"
        source = SCORING.replace(head, head + "".join(f"        {line}\n" for line in lines))
        (self.root / "site" / "scoring_plugin.py").write_text(source)

    @property
    def environment(self) -> dict[str, str]:
        """With the plugin on the path."""
        return {**os.environ, "PYTHONPATH": str(self.root / "site"), "COLUMNS": "200"}

    def numbers(self) -> dict[tuple[str, str], float]:
        """The numbers of the report by snapshot and metric, in the order they were made in."""
        rows = open_report(self.report).measurements
        good = rows[rows["status"] == "ok"]
        return dict(zip(zip(good["snapshot"], good["metric"], strict=True), good["value"], strict=True))


def save(folder: Path, step: int) -> None:
    """A generator and a critic of a step."""
    torch.manual_seed(step)
    torch.save(nn.Sequential(nn.Linear(4, 64), nn.Tanh()).state_dict(), folder / f"G_step_{step}.pt")
    torch.save(nn.Sequential(nn.Flatten(), nn.Linear(64, 1)).state_dict(), folder / f"D_step_{step}.pt")


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[House]:
    """A folder of checkpoints whose first report is there; checks at the end that its numbers are there still."""
    info = tmp_path / "site" / "scoring_plugin-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: scoring-plugin\nVersion: 1.0\n\n")
    (info / "entry_points.txt").write_text("[wganalyze]\nscoring = scoring_plugin\n")
    (tmp_path / "site" / "scoring_plugin.py").write_text(SCORING)
    (tmp_path / "factories.py").write_text(FACTORIES)
    (tmp_path / "ckpt").mkdir()
    save(tmp_path / "ckpt", 1)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))

    def in_process(arguments: list[str]) -> Answer:
        capsys.readouterr()
        code = call(arguments)
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    house = House(tmp_path, in_process)
    assert house.run().code == 0
    before = house.numbers()
    assert len(before) >= 6
    yield house
    sys.modules.pop("scoring_plugin", None)
    after = house.numbers()
    assert {key: after.get(key) for key in before} == before


def one_line(answer: Answer, code: int, *texts: object) -> None:
    """The exit code, and one line that holds all these texts."""
    error = answer.error
    assert answer.code == code, error
    for text in texts:
        assert str(text) in error, error


def failed_cells(answer: Answer, house: House) -> dict[tuple[str, str], str]:
    """Exit code 1, and the reason of each failed cell by snapshot and analyzer, which stderr and the table show too."""
    assert answer.code == 1, answer.err
    assert "Traceback" not in answer.err + answer.out
    rows = open_report(house.report).measurements
    rows = rows[rows["status"] == "failed"]
    for message in rows["message"]:
        assert message in answer.err
        assert message in " ".join(answer.out.split())
    return dict(zip(zip(rows["snapshot"], rows["analyzer"], strict=True), rows["message"], strict=True))


# Paths and files


def test_a_missing_path(house: House) -> None:
    nowhere = house.root / "nowhere"
    one_line(house.run(path=nowhere), 2, f"{nowhere}: no such file or folder")
    assert not nowhere.with_name("nowhere-report").exists()


def test_an_empty_folder(house: House) -> None:
    empty = house.root / "empty"
    empty.mkdir()
    one_line(house.run(path=empty), 2, f"{empty}: the folder holds no checkpoint; give the folder or file")
    assert not empty.with_name("empty-report").exists()


def test_a_text_file_named_pt(house: House) -> None:
    alone = house.root / "alone"
    alone.mkdir()
    (alone / "model.pt").write_text("this is no checkpoint\n" * 100)
    one_line(house.run(path=alone), 2, f"{alone}: nothing could be opened: no loader knows this kind of file")
    shutil.copy(alone / "model.pt", house.ckpt / "G_step_2.pt")
    assert house.run().code == 0
    inspected = house.call(["inspect", str(house.ckpt)])
    assert inspected.code == 0
    assert "G_step_2.pt: no loader knows this kind of file" in inspected.out


@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_a_truncated_zip(house: House, keep: float) -> None:
    alone = house.root / "alone"
    alone.mkdir()
    content = (house.ckpt / "G_step_1.pt").read_bytes()
    damaged = alone / "G_step_2.pt"
    damaged.write_bytes(content[: int(len(content) * keep)])
    one_line(house.run(path=alone), 2, f"{alone}: nothing could be opened: ", damaged)
    shutil.copy(damaged, house.ckpt)
    answer = house.run()
    assert answer.code == 0
    assert [line for line in answer.err.splitlines() if "G_step_2.pt" in line]
    assert str(house.ckpt / "G_step_2.pt") in open_report(house.report).run["problems"][0]


def resnet() -> dict[str, torch.Tensor]:
    """The keys of another network."""
    shapes = {"conv1.weight": (8, 3, 7, 7), "bn1.weight": (8,), "bn1.running_mean": (8,)}
    shapes |= {f"layer{i}.0.conv{j}.weight": (8, 8, 3, 3) for i in (1, 2, 3) for j in (1, 2)}
    return OrderedDict((key, torch.zeros(shape)) for key, shape in {**shapes, "fc.weight": (10, 8)}.items())


def test_a_state_dict_of_something_else(house: House) -> None:
    """By a name that says nothing it is left with the option that would give it a role; as a critic it does not fit."""
    torch.save(resnet(), house.ckpt / "resnet18.pt")
    answer = house.run()
    assert answer.code == 0
    options = "--role resnet18.pt=generator or --role resnet18.pt=critic"
    assert f"resnet18: no generator and no critic: the role of resnet18.pt is unknown; say {options}" in answer.err
    (house.ckpt / "resnet18.pt").rename(house.ckpt / "D_step_2.pt")
    save(house.root, 2)
    shutil.copy(house.root / "G_step_2.pt", house.ckpt)
    failed = failed_cells(house.run(), house)
    message = failed["step_2", "scoring"]
    assert message.startswith("D_step_2.pt does not fit the critic: 2 missing: 1.weight, 1.bias; 10 unexpected: conv1.")
    assert message.endswith("and 4 more; name the factory that it was trained with")


def test_weights_of_another_shape(house: House) -> None:
    answer = house.run("--range", "-1,1", critic="Critic(100)")
    assert failed_cells(answer, house)["step_1", "scoring"] == (
        "D_step_1.pt does not fit the critic: 1 wrong shape: 1.weight is (1, 64), the network has (1, 100); "
        "name the factory that it was trained with"
    )
    assert house.run("--range", "-1,1").code == 0


class Executes:
    """What reading a pickle can do."""

    def __init__(self, command: str):
        self.command = command

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (self.command,)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_needs_code(house: House, zipped: bool) -> None:
    """It is described and not run, whether torch or pickle wrote it."""
    mark = house.root / "was-run"
    folder = house.root / "alone"
    folder.mkdir()
    program = folder / "G_step_2.pt"
    torch.save(Executes(f"touch {mark}"), program, _use_new_zipfile_serialization=zipped)
    one_line(house.run(path=folder), 2, folder, "G_step_2.pt is a program (torch-module-pickle); --trust runs it")
    shutil.copy(program, house.ckpt)
    assert house.run().code == 0
    program.write_bytes(pickle.dumps(Executes(f"touch {mark}")))
    one_line(house.run(path=folder), 2, folder)
    assert not mark.exists()


def test_a_whole_pickled_network(house: House) -> None:
    """A program without weights that a factory could take: the run says so with the option, and goes on."""
    net = nn.Sequential(nn.Tanh(), nn.Unflatten(1, (1, 4)), nn.Upsample(64), nn.Flatten())
    torch.save(net, house.ckpt / "G_step_2.pt")
    answer = house.run("--latent", 4)
    assert answer.code == 0
    assert "G_step_2.pt: a whole pickled object: reading it runs code (" in answer.err
    assert "give --trust if you know who wrote it, or save its state_dict() instead" in answer.err
    assert "step_2: no generator: G_step_2.pt is a program (torch-module-pickle); --trust runs it" in answer.err
    assert ("step_2", "fake_max") not in house.numbers()
    assert house.run("--latent", 4, "--trust").code == 0
    assert ("step_2", "fake_max") in house.numbers()


def test_the_weights_of_a_whole_pickled_network_fill_the_factory_that_is_named(house: House) -> None:
    """Nothing of the file runs, and the numbers are those of the same weights in a state dict."""
    net = nn.Sequential(nn.Linear(4, 64), nn.Tanh())
    torch.save(net.state_dict(), house.ckpt / "G_step_2.pt")
    assert house.run().code == 0
    expected = house.numbers()["step_2", "fake_max"]
    torch.save(net, house.ckpt / "G_step_2.pt")
    assert house.run().code == 0
    assert house.numbers()["step_2", "fake_max"] == expected


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers(house: House, value: float) -> None:
    save(house.ckpt, 2)
    path = house.ckpt / "D_step_2.pt"
    weights = torch.load(path)
    weights["1.weight"][0, 3] = value
    torch.save(weights, path)
    failed = failed_cells(house.run(), house)
    assert failed["step_2", "scoring"] == "D_step_2.pt: NaN or infinity in 1.weight; this network cannot be analysed"
    path.unlink()
    path = house.ckpt / "G_step_2.pt"
    weights = {key: tensor * value for key, tensor in torch.load(path).items()}
    torch.save(weights, path)
    failed = failed_cells(house.run(), house)
    assert failed["step_2", "snapshot"].startswith("G_step_2.pt: NaN or infinity in 0.weight, 0.bias;")


@pytest.mark.parametrize("paired", [True, False])
def test_a_critic_of_another_image_size(house: House, paired: bool) -> None:
    """By their sizes the two are no pair, unless somebody says so."""
    critic = nn.Sequential(nn.Flatten(), nn.Linear(784, 1))
    save(house.ckpt, 2)
    torch.save(critic.state_dict(), house.ckpt / "D_step_2.pt")
    (house.ckpt / "D_step_1.pt").rename(house.root / "D_step_1.pt")
    said = ("--role", "G_*=generator", "--role", "D_*=critic") if paired else ()
    failed = failed_cells(house.run(*said, critic="Critic(784)"), house)
    (message,) = {message for (_, analyzer), message in failed.items() if analyzer == "scoring"}
    label, shape = ("step_2", "(64,)") if paired else ("step_2 (D_step_2.pt)", "(1, 8, 8)")
    assert message.startswith(f"{label}: the critic does not take the samples (")
    assert "its layer 1, Linear(in_features=784, out_features=1, bias=True), met (2, 64)" in message
    assert message.endswith(f"they have the shape {shape}: say other --data, or another --critic")
    (house.root / "D_step_1.pt").rename(house.ckpt / "D_step_1.pt")
    (house.ckpt / "D_step_2.pt").unlink()
    assert house.run().code == 0


def test_data_of_another_image_size(house: House) -> None:
    critic = (house.ckpt / "D_step_1.pt").rename(house.root / "D_step_1.pt")
    failed = failed_cells(house.run("--data", "ring8"), house)
    both = "the generator makes samples of shape (64,), the data are (2,)"
    message = f"{both}: say other --data, or another --generator"
    assert failed["step_1", "snapshot"] == f"step_1: {message}"
    critic.rename(house.ckpt / "D_step_1.pt")
    assert house.run().code == 0


@pytest.mark.parametrize(("role", "lost"), [("generator", "G_step_2.pt"), ("critic", "D_step_2.pt")])
def test_one_of_two_networks_is_missing(house: House, role: str, lost: str) -> None:
    save(house.ckpt, 2)
    (house.ckpt / lost).unlink()
    answer = house.run()
    assert answer.code == 0
    reason = f"no {role}: no file of this snapshot is a {role} by its name or keys; if one is, say --role 'FILE={role}'"
    assert f"step_2: {reason}" in answer.err.splitlines()
    rows = open_report(house.report).measurements
    (row,) = rows[(rows["snapshot"] == "step_2") & (rows["analyzer"] == "scoring")].itertuples()
    assert (row.status, row.message) == ("skipped", reason)
    assert f"skipped scoring on step_2: {reason}" in answer.out


def test_a_file_that_goes_away(house: House) -> None:
    """A folder that lies: between the listing and the reading of its weights; the cells that need it fail."""
    for step in (2, 3):
        save(house.ckpt, step)
    gone = house.ckpt / "G_step_2.pt"
    house.edit(f"__import__('pathlib').Path({str(gone)!r}).unlink(missing_ok=True)")
    answer = house.process()
    reason = f"{gone}: No such file or directory"
    assert failed_cells(answer, house) == {("step_2", name): reason for name in ("scoring", "snapshot")}
    assert {("step_1", "mean_fake"), ("step_3", "mean_fake")} <= house.numbers().keys()
    assert house.process().code == 0


# Options


@pytest.mark.parametrize(
    ("more", "texts"),
    [
        (["--replicate", "3"], ["No such option '--replicate'", "--replicates", "See: wganalyze run --help"]),
        (["--option", "snapshot.depth=3"], ["--option snapshot.depth: snapshot has no such option; there are: none"]),
        (["--option", "nobody.depth=3"], ["no analyzer is called 'nobody'; there are: ", "scoring"]),
        (["--option", "depth"], ["--option depth: write ANALYZER.KEY=VALUE, for example"]),
        (["--only", "exactw"], ["no analyzer is called 'exactw'; there are: ", "snapshot"]),
        (["--data", "x.npy"], ["no data source is called 'x.npy'; for a file say --data npy:x.npy; there are: "]),
        (["--data", "mnist"], ["--data mnist: no data source is called 'mnist'; there are: ", "digits"]),
        (["--data", "digits:half"], ["--data digits:half: choose digits, digits:train or digits:held-out"]),
        (["--range", "1,-1"], ["--range 1,-1: write LOW,HIGH with LOW < HIGH, as -1,1"]),
        (["--latent", "x"], ["--latent x: write whole numbers, as 64 or 64,1,1"]),
        (["--role", "x.pt"], ["--role x.pt: write PATTERN=ROLE"]),
        (["--device", "gpu"], ["--device gpu: choose auto, cpu, cuda or cuda:N"]),
        (["--n", "900"], ["--n 900 with 2 replicates needs 5 disjoint splits", "at most --n 359"]),
        (["--generator", "nothing:G"], ["--generator: importing nothing failed (ModuleNotFoundError: "]),
        (["--generator", "G"], ["--generator G: write MODULE:NAME or FILE.py:NAME"]),
        (["--config", "nowhere.toml"], ["nowhere.toml: cannot be read (No such file or directory)"]),
    ],
)
def test_an_unknown_option_or_value(house: House, more: list[str], texts: list[str]) -> None:
    before = (house.report / "_run.json").read_bytes()
    answer = house.run(*more)
    one_line(answer, 2, *texts)
    assert answer.out == ""
    assert (house.report / "_run.json").read_bytes() == before


def test_a_configuration_that_is_wrong(house: House) -> None:
    toml = house.ckpt / "wganalyze.toml"
    toml.write_text("[latnet]\nshape = [4]\n")
    one_line(house.run(), 2, f"{toml}: no section is called [latnet]; did you mean 'latent'?")
    toml.write_text("[latent\n")
    one_line(house.run(), 2, f"{toml}: not a TOML file (")


def test_a_traceback_only_with_debug(house: House) -> None:
    plain = house.run(path=house.root / "nowhere")
    debugged = house.run("--debug", path=house.root / "nowhere")
    assert "Traceback" in debugged.err
    assert debugged.err.endswith(plain.err)
    assert debugged.code == plain.code


# The report folder


def test_a_report_folder_below_a_file(house: House) -> None:
    out = house.root / "factories.py" / "report"
    one_line(house.run("--out", out), 2, f"--out {out}: cannot be used as a report folder (Not a directory)", "another")


def test_a_report_folder_that_is_a_file(house: House) -> None:
    out = house.root / "factories.py"
    one_line(house.run("--out", out), 2, f"--out {out}: is a file; name a folder")
    assert out.read_text() == FACTORIES


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="there is no /proc")
def test_a_report_folder_where_nobody_can_write(house: House) -> None:
    out = Path("/proc/report")
    one_line(house.run("--out", out), 2, f"--out {out}: cannot be used as a report folder (", "; name another")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a small disk")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk(house: House, small_disk: Path) -> None:
    """The report is moved to a disk that is then filled up: it stays readable, and goes on once there is room."""
    shutil.copytree(house.report, small_disk / "report")
    out = small_disk / "report"
    before = pd.read_parquet(out / "measurements")
    for step in range(2, 6):
        save(house.ckpt, step)
    fill = small_disk / "fill"
    with fill.open("wb") as file:
        room = shutil.disk_usage(small_disk).free
        file.write(b"x" * (room - 64 * 1024))
    answer = house.run("--out", out, "--range", "-1,1")
    one_line(answer, 1, f"{out}: writing stopped (No space left on device)", "are kept, and the same command goes on")
    rows = open_report(out).measurements
    kept = rows[rows["seed"] == 0].merge(before, on=["snapshot", "metric", "value"])
    assert len(kept) >= len(before)
    fill.write_bytes(b"")
    again = house.run("--out", out, "--range", "-1,1")
    assert again.code == 0
    assert "cells were reused from" in again.err
    assert set(open_report(out).measurements["snapshot"]) == {f"step_{step}" for step in range(1, 6)}


def test_a_disk_that_is_full_from_the_start(house: House, small_disk: Path) -> None:
    (small_disk / "fill").touch()
    with (small_disk / "fill").open("wb", buffering=0) as file:
        file.write(b"x" * shutil.disk_usage(small_disk).free)
    out = small_disk / "report"
    one_line(house.run("--out", out), 2, f"--out {out}: cannot be used as a report folder (No space left on device)")


def test_files_that_may_not_grow(house: House) -> None:
    """Where no disk can be mounted: a limit on the size of files stops the writing in the middle of a cell."""
    save(house.ckpt, 2)

    most = max(path.stat().st_size for path in house.report.glob("_cells/*/measurements.parquet")) * 3 // 4
    assert (house.report / "_run.json").stat().st_size < most

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    answer = house.process(limit=limit)
    one_line(answer, 1, f"{house.report}: writing stopped (File too large); 0 cells of this run are kept")
    answer = house.process()
    assert answer.code == 0
    assert f"2 of 4 cells were reused from {house.report}" in answer.err.splitlines()


# Ctrl-C


@pytest.mark.skipif(sys.platform == "win32", reason="signals are another matter on Windows")
def test_ctrl_c(house: House) -> None:
    save(house.ckpt, 2)
    waiting = house.root / "waiting"
    house.edit(
        "import pathlib, time",
        f"mark = pathlib.Path({str(waiting)!r})",
        "while study.snapshot.step == 2 and not mark.with_suffix('.over').exists():",
        "    mark.touch()",
        "    time.sleep(0.02)",
    )
    arguments = [sys.executable, "-c", COMMAND, *house.arguments()]
    process = subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=house.environment
    )
    while not waiting.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert err.endswith("Interrupted: what was done is kept; the same command goes on from there.\n")
    assert "Traceback" not in err
    assert ("step_1", "mean_real") in house.numbers()
    waiting.with_suffix(".over").touch()
    answer = house.process()
    assert answer.code == 0
    assert f"2 of 4 cells were reused from {house.report}" in answer.err.splitlines()


def test_an_archive_that_torch_did_not_write(house: House) -> None:
    alone = house.root / "alone"
    alone.mkdir()
    with zipfile.ZipFile(alone / "G_step_2.pt", "w") as archive:
        archive.writestr("notes.txt", "hello")
    one_line(house.run(path=alone), 2, f"{alone}: nothing could be opened: no loader knows this kind of file")
