"""Exported programs: described by their headers, run on any batch, in both modes, and in float64 where they can."""

from __future__ import annotations

import copy
import io
import json
import re
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from wganalyze import open_report
from wganalyze.cli import call
from wganalyze.contracts.loader import Input, Part, TensorSpec
from wganalyze.contracts.samples import Samples
from wganalyze.contracts.snapshot import Latent, Snapshot
from wganalyze.errors import CheckpointError
from wganalyze.study.critic import prepare_critic
from wganalyze_checkpoints.torch import export as torch_export
from wganalyze_checkpoints.torch.export import TorchExport
from wganalyze_checkpoints.torch.module_pickle import TorchModulePickle
from wganalyze_checkpoints.torch.script import TorchScript
from wganalyze_checkpoints.torch.state_dict import TorchStateDict

LOADER = TorchExport()

pytestmark = pytest.mark.filterwarnings("ignore:.*isinstance.treespec.*:FutureWarning", "ignore:.*torch.jit.*")


class Critic(nn.Module):
    """With batch norm, dropout and a buffer that is not saved."""

    hidden: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.LeakyReLU(0.2), nn.Dropout(0.3))
        self.last = nn.Linear(8, 1)
        self.register_buffer("hidden", torch.ones(1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        score: Tensor = self.last(self.net(x)) + self.hidden
        return score


class Conditional(nn.Module):
    """Labels beside the input, and two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, 3)
        self.last = nn.Linear(5, 4)

    def forward(self, z: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        made: Tensor = self.last(torch.cat([z, self.embedding(labels)], 1))
        return made, made.sum(1)


class Fixed(nn.Module):
    """Its code names the precision of its layer; the export fixes the number that it takes."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.last = nn.Linear(2, 1).to(dtype)
        self.dtype = dtype

    def forward(self, x: Tensor, scale: float = 2.0) -> Tensor:
        made: Tensor = self.last(x.to(self.dtype)).to(torch.float32) * scale
        return made


class Noisy(nn.Module):
    """Adds noise of its own."""

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.randn_like(x)


def trained(net: nn.Module) -> nn.Module:
    """With running statistics that are not the initial ones."""
    torch.manual_seed(0)
    for _ in range(3):
        net.train()(3 * torch.randn(32, 2) + 1)
    return net.eval()


def exported(net: nn.Module, *inputs: Any, dynamic: bool = True, most: int | None = None) -> Any:
    """The program of a net; ``dynamic``: for batches of any size, up to ``most``."""
    batch = torch.export.Dim("batch", max=most) if most else torch.export.Dim("batch")
    shapes = tuple({0: batch} if isinstance(x, Tensor) else None for x in inputs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.export.export(net, inputs, dynamic_shapes=shapes if dynamic else None)


def saved(program: Any) -> bytes:
    """What ``torch.export.save`` writes."""
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    return buffer.getvalue()


def rewritten(content: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    """The same zip with other records."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return buffer.getvalue()


def header(change: Callable[[Any], object]) -> Callable[[str, bytes], bytes]:
    """Changes the header of a program."""

    def changed(name: str, content: bytes) -> bytes:
        if not name.endswith("models/model.json"):
            return content
        document = json.loads(content)
        change(document)
        return json.dumps(document).encode()

    return changed


@pytest.fixture(scope="module")
def critic() -> nn.Module:
    """The network behind most programs here."""
    return trained(Critic())


@pytest.fixture(scope="module")
def content(critic: nn.Module) -> bytes:
    """An archive of it for any batch."""
    return saved(exported(critic, torch.randn(4, 2)))


def opened(path: Path) -> Part:
    """The only part of a file."""
    (part,) = LOADER.open(path)
    return part


def run(path: Path) -> Any:
    """Its program."""
    read = opened(path).read_module
    assert read is not None
    return read()


def specs(net: nn.Module) -> dict[str, TensorSpec]:
    """Keys and shapes of a state dict."""
    return {key: TensorSpec(tuple(t.shape), str(t.dtype).removeprefix("torch.")) for key, t in net.state_dict().items()}


# Described


@pytest.mark.parametrize("name", ["critic.pt2", "critic.pt", "critic", "critic.zip"])
def test_a_program_is_described_under_any_name(
    write: Callable[..., Path], critic: nn.Module, content: bytes, name: str
) -> None:
    path = write(content, name)
    assert LOADER.sniff(path) == 0.95
    assert [other.sniff(path) for other in (TorchStateDict(), TorchScript(), TorchModulePickle())] == [0, 0, 0]
    part = opened(path)
    assert (part.kind, part.name, part.role, part.runs_code, part.is_program) == (
        "torch-export",
        "",
        None,
        True,
        True,
    )
    assert part.keys == specs(critic)
    assert part.inputs == (Input("x", (None, 2), "float32"),)
    assert part.facts == {"torch_version": torch.__version__}
    assert "--trust" in part.problems[0]


def test_all_inputs_are_described(write: Callable[..., Path]) -> None:
    inputs = torch.randn(4, 2), torch.zeros(4, dtype=torch.int64)
    shapes = {True: ((None, 2), (None,)), False: ((4, 2), (4,))}
    for dynamic, (first, second) in shapes.items():
        part = opened(write(saved(exported(Conditional().eval(), *inputs, dynamic=dynamic))))
        assert part.inputs == (Input("z", first, "float32"), Input("labels", second, "int64"))


def test_dtypes_are_numbered_as_torch_numbers_them() -> None:
    from torch._export.serde.schema import ScalarType
    from torch._export.serde.serialize import _TORCH_TO_SERIALIZE_DTYPE

    known = {int(number): str(dtype).removeprefix("torch.") for dtype, number in _TORCH_TO_SERIALIZE_DTYPE.items()}
    assert {**known, **torch_export._DTYPES} == torch_export._DTYPES
    assert torch_export._DTYPES[ScalarType.FLOAT] == "float32"


def test_several_programs_of_one_archive_are_parts_by_name(write: Callable[..., Path]) -> None:
    from torch.export.pt2_archive._package import package_pt2

    buffer = io.BytesIO()
    nets = {"netG": nn.Linear(3, 2), "netD": nn.Linear(2, 1)}
    programs = {name: exported(net, torch.randn(4, net.in_features)) for name, net in nets.items()}
    package_pt2(buffer, exported_programs=programs)
    parts = {part.name: part for part in LOADER.open(write(buffer.getvalue()))}
    assert parts.keys() == nets.keys()
    for name, net in nets.items():
        assert parts[name].keys == specs(net)
        read = parts[name].read_module
        assert read is not None
        x = torch.randn(3, net.in_features)
        torch.testing.assert_close(read()(x), net(x))


def test_the_layout_of_2_6(write: Callable[..., Path], critic: nn.Module, capfd: pytest.CaptureFixture[str]) -> None:
    from torch._export.serde.schema import SCHEMA_VERSION
    from torch._export.serde.serialize import serialize

    artifact = serialize(exported(critic, torch.randn(4, 2)))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("serialized_exported_program.json", artifact.exported_program)
        archive.writestr("serialized_state_dict.pt", artifact.state_dict)
        archive.writestr("serialized_constants.pt", artifact.constants)
        archive.writestr("serialized_example_inputs.pt", artifact.example_inputs)
        archive.writestr("version", ".".join(map(str, SCHEMA_VERSION)))
    path = write(buffer.getvalue())
    assert (LOADER.sniff(path), TorchStateDict().sniff(path)) == (0.95, 0)
    part = opened(path)
    assert (part.keys, part.inputs) == (specs(critic), (Input("x", (None, 2), "float32"),))
    x = torch.randn(5, 2)
    torch.testing.assert_close(run(path)(x), critic(x))
    assert capfd.readouterr().err == ""


def test_compiled_code_is_told_and_not_run(forge: Any, write: Callable[..., Path]) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in {
            "data/aotinductor/model/c1.wrapper.so": "\x7fELF",
            "data/aotinductor/model/c1.wrapper_metadata.json": '{"AOTI_DEVICE_KEY": "cpu"}',
            "data/aotinductor/netD/c2.wrapper.so": "\x7fELF",
            "archive_format": "pt2",
            "archive_version": "0",
        }.items():
            archive.writestr(f"aoti/{name}", text)
    path = write(buffer.getvalue())
    assert LOADER.sniff(path) == 0.95
    parts = LOADER.open(path)
    assert [(part.name, part.read_module, part.read_tensors) for part in parts] == [
        ("", None, None),
        ("netD", None, None),
    ]
    assert all("AOTInductor" in part.problems[0] and part.problems[0].isprintable() for part in parts)


# Run


@pytest.mark.parametrize("dynamic", [True, False])
@pytest.mark.parametrize("rows", [1, 2, 4, 7, 8])
def test_any_batch_gives_what_the_network_gives(
    write: Callable[..., Path], critic: nn.Module, dynamic: bool, rows: int
) -> None:
    program = run(write(saved(exported(critic, torch.randn(4, 2), dynamic=dynamic))))
    x = torch.randn(rows, 2)
    torch.testing.assert_close(program(x), critic(x))


def test_what_float64_would_change_keeps_its_precision(write: Callable[..., Path]) -> None:
    program = run(write(saved(exported(Noisy(), torch.randn(4, 2))))).double()
    assert program.precision == torch.float32
    assert program(torch.zeros(3, 2, dtype=torch.float64)).dtype == torch.float64


def test_a_batch_has_no_more_rows_than_the_export_admits(write: Callable[..., Path], critic: nn.Module) -> None:
    path = write(saved(exported(critic, torch.randn(4, 2), most=5)))
    assert opened(path).inputs[0].shape == (None, 2)
    x = torch.randn(23, 2)
    torch.testing.assert_close(run(path)(x), critic(x))


def test_labels_and_all_outputs(write: Callable[..., Path]) -> None:
    net = Conditional().eval()
    inputs = torch.randn(4, 2), torch.zeros(4, dtype=torch.int64)
    for dynamic in (True, False):
        program = run(write(saved(exported(net, *inputs, dynamic=dynamic))))
        z, labels = torch.randn(6, 2), torch.arange(6)
        torch.testing.assert_close(program(z, labels), net(z, labels))
        torch.testing.assert_close(program(z, labels.int()), net(z, labels))


def test_what_does_not_fit_is_said(write: Callable[..., Path], content: bytes) -> None:
    program = run(write(content))
    for wrong in (torch.randn(3, 5), torch.randn(3), torch.randn(3, 2, 1)):
        with pytest.raises(ValueError, match=re.escape(f"takes x of shape (batch, 2), not {tuple(wrong.shape)}")):
            program(wrong)
    with pytest.raises(TypeError, match=r"takes 1 inputs \(x\), not 2"):
        program(torch.randn(3, 2), torch.zeros(3))


def test_float64_and_gradients_are_those_of_the_network(
    write: Callable[..., Path], critic: nn.Module, content: bytes
) -> None:
    program = run(write(content))
    assert not hasattr(program, "no_gradient")
    x = torch.randn(5, 2, dtype=torch.float64, requires_grad=True)
    wide = copy.deepcopy(program).double()
    wanted = copy.deepcopy(critic).double()(x)
    torch.testing.assert_close(wide(x), wanted, rtol=1e-12, atol=1e-12)
    for found in (program, wide):
        slopes = [torch.autograd.grad(y.sum(), x)[0] for y in (found(x), copy.deepcopy(critic).double()(x))]
        torch.testing.assert_close(*slopes, rtol=1e-4, atol=1e-5)
        assert found(x).dtype == torch.float64
    assert program(x.float()).dtype == torch.float32


def test_a_precision_in_the_graph_is_moved_or_kept(write: Callable[..., Path]) -> None:
    x = torch.randn(5, 2, dtype=torch.float64, requires_grad=True)
    for dtype, precision in {torch.float32: torch.float64, torch.float16: torch.float32}.items():
        net = Fixed(dtype)
        program = run(write(saved(exported(net, torch.randn(4, 2), 3.0)))).double()
        assert program.precision == precision, dtype
        y = program(x)
        assert y.dtype == torch.float64
        torch.testing.assert_close(y.float(), net(x.float(), 3.0), rtol=1e-3, atol=1e-3)
        assert torch.autograd.grad(y.sum(), x)[0].abs().min() > 0


@pytest.mark.parametrize("training", [True, False])
def test_either_mode_whichever_was_exported(write: Callable[..., Path], critic: nn.Module, training: bool) -> None:
    net = copy.deepcopy(critic)
    net.net[3].p = 0.0  # type: ignore[index, union-attr]
    program = run(write(saved(exported(net.train(training), torch.randn(8, 2)))))
    x = torch.randn(8, 2)
    torch.testing.assert_close(program(x), critic(x))
    torch.testing.assert_close(copy.deepcopy(program).train()(x), copy.deepcopy(net).train()(x))
    torch.testing.assert_close(program(x), critic(x))
    assert (program.eval().training, program.train().training) == (False, True)


def test_batch_norm_without_statistics_keeps_its_only_mode(write: Callable[..., Path]) -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3, track_running_stats=False)).eval()
    program = run(write(saved(exported(net, torch.randn(8, 2)))))
    x = torch.randn(8, 2)
    torch.testing.assert_close(program(x), net(x))


def test_dropout_is_random_in_train_mode_only(write: Callable[..., Path], content: bytes) -> None:
    program = run(write(content))
    x = torch.randn(8, 2)
    assert torch.equal(program(x), program(x))
    program.train()
    assert not torch.equal(program(x), program(x))


def test_a_program_without_gradient_says_so(write: Callable[..., Path]) -> None:
    class Rounded(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (x > 0).sum(1, keepdim=True).float()

    program = run(write(saved(exported(Rounded(), torch.randn(4, 2)))))
    assert "no gradient" in program.no_gradient
    assert program.no_gradient.isprintable()


def test_core_prepares_it_and_cuts_its_sigmoid(write: Callable[..., Path]) -> None:
    plain = nn.Sequential(nn.Linear(2, 3), nn.Sigmoid(), nn.Linear(3, 1)).eval()
    path = write(saved(exported(nn.Sequential(*plain, nn.Sigmoid()), torch.randn(4, 2), dynamic=False)))
    snapshot = Snapshot("s", None, "", (path,), make_critic=lambda: run(path), latent=Latent())
    head = prepare_critic(snapshot, [(2,)], "cpu")
    assert (head.output, head.invert) == ("logit", False)
    samples = Samples(np.random.default_rng(0).standard_normal((5, 2)).astype(np.float32), (2,))
    wanted = plain.double()(torch.from_numpy(samples.points).double()).detach().numpy()[:, 0]
    np.testing.assert_allclose(head.scores(samples, "eval", 512), wanted, rtol=1e-12)
    assert head.gradient(samples, "eval").shape == (5, 2)


def test_an_export_from_a_gpu_runs_on_the_cpu(write: Callable[..., Path], critic: nn.Module, content: bytes) -> None:
    def on_gpu(name: str, record: bytes) -> bytes:
        moved = record.replace(b'"type": "cpu", "index": null', b'"type": "cuda", "index": 0')
        return b"tensors that only a GPU can hold" if "sample_inputs" in name else moved

    path = write(rewritten(content, on_gpu))
    assert b'"cuda"' in path.read_bytes()
    program = run(path)
    assert {p.device.type for p in program.parameters()} == {"cpu"}
    x = torch.randn(5, 2)
    torch.testing.assert_close(program(x), critic(x))


def test_constants_of_the_graph_move_with_the_program(write: Callable[..., Path]) -> None:
    class Padded(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + torch.ones(2, device=x.device)

    program = run(write(saved(exported(Padded(), torch.randn(4, 2))))).to("meta")
    assert program(torch.randn(3, 2, device="meta")).device.type == "meta"


# Refused


def test_other_files_are_not_claimed(save: Callable[..., Path], write: Callable[..., Path]) -> None:
    script = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(nn.Linear(1, 1)), script)
    empty, arrays = io.BytesIO(), io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    np.savez(arrays, x=np.ones(3))
    paths = [save({"w": torch.ones(2)}, form) for form in ("zip", "legacy")]
    paths += [write(c) for c in (script.getvalue(), empty.getvalue(), arrays.getvalue(), b"", b"PK\x03\x04", b"text")]
    for path in paths:
        assert LOADER.sniff(path) == 0
        with pytest.raises(CheckpointError, match=r"is no exported program; write it with torch\.export\.save"):
            LOADER.open(path)


def test_a_file_that_was_cut_off_is_told_in_one_line(write: Callable[..., Path], content: bytes) -> None:
    for end in [*range(0, len(content), len(content) // 20), len(content) - 1]:
        path = write(content[:end])
        assert LOADER.sniff(path) == (0.3 if end > 60 else 0), end
        with pytest.raises(CheckpointError) as caught:
            LOADER.open(path)
        assert str(caught.value).isprintable()
        assert str(path) in str(caught.value)
    assert "cut off" in str(caught.value)


CHANGES: Mapping[str, Callable[[Any], object]] = {
    "no module": lambda d: d.pop("graph_module"),
    "no dict": lambda d: d.update(graph_module=[]),
    "no inputs": lambda d: d["graph_module"].pop("signature"),
    "inputs of no kind": lambda d: d["graph_module"]["signature"].update(input_specs=[{}]),
    "strange inputs": lambda d: d["graph_module"]["signature"].update(input_specs=[3]),
    "no values": lambda d: d["graph_module"]["graph"].update(tensor_values={}),
    "a negative size": lambda d: d["graph_module"]["graph"]["tensor_values"]["x"].update(sizes=[{"as_int": -1}]),
    "a size as text": lambda d: d["graph_module"]["graph"]["tensor_values"]["x"].update(sizes=[{"as_int": "4"}]),
    "a huge size": lambda d: d["graph_module"]["graph"]["tensor_values"]["x"].update(sizes=[{"as_int": 2**60}]),
    "many axes": lambda d: d["graph_module"]["graph"]["tensor_values"]["x"].update(sizes=[{"as_int": 1}] * 65),
    "a dtype unheard of": lambda d: d["graph_module"]["graph"]["tensor_values"]["x"].update(dtype=99),
    "a list for a dtype": lambda d: d["graph_module"]["graph"]["tensor_values"]["x"].update(dtype=[]),
    "a key for terminals": lambda d: d["graph_module"]["signature"]["input_specs"][0]["parameter"].update(
        parameter_name="\x1b[2J"
    ),
    "a long key": lambda d: d["graph_module"]["signature"]["input_specs"][0]["parameter"].update(
        parameter_name="a" * 10**5
    ),
    "ranges of no kind": lambda d: d.update(range_constraints=[1]),
    "a limit as text": lambda d: d.update(range_constraints={s: {"min_val": "a"} for s in d["range_constraints"]}),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_header_that_lies_is_damage_in_one_line(
    write: Callable[..., Path], content: bytes, change: Callable[[Any], object]
) -> None:
    path = write(rewritten(content, header(change)))
    with pytest.raises(CheckpointError, match="damaged torch file") as caught:
        LOADER.open(path)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600


def test_records_that_do_harm_are_refused(write: Callable[..., Path], content: bytes) -> None:
    def changed(place: str, new: bytes) -> bytes:
        return rewritten(content, lambda name, record: new if name.endswith(place) else record)

    def added(name: str, record: bytes, compression: int = zipfile.ZIP_STORED) -> bytes:
        buffer = io.BytesIO(content)
        with warnings.catch_warnings(), zipfile.ZipFile(buffer, "a", compression) as archive:
            warnings.simplefilter("ignore")
            archive.writestr(name, record)
        return buffer.getvalue()

    harm = {
        "nested": changed("models/model.json", b"[" * 10**6),
        "no JSON": changed("models/model.json", b"{"),
        "a long number": changed("models/model.json", b"9" * 10**5),
        "large": changed("models/model.json", b" " * (torch_export.MAX_JSON + 1)),
        "weights cut": changed("weights/weight_0", b""),
        "no weights": changed("model_weights_config.json", b'{"config": {"a": {"path_name": "b", "use_pickle": 0}}}'),
        "bomb": added("archive/extra/a", bytes(2**25), zipfile.ZIP_DEFLATED),
        "outside": added("../../evil", b"a"),
        "absolute": added("/etc/evil", b"a"),
        "twice": added("archive/models/model.json", b"{}"),
        "packed": added("archive/extra/a", b"a", zipfile.ZIP_LZMA),
    }
    for name, hostile in harm.items():
        path = write(hostile)
        with pytest.raises(CheckpointError, match="damaged torch file") as caught:
            LOADER.open(path)
        assert str(caught.value).isprintable(), name


def test_reading_headers_runs_and_imports_nothing(write: Callable[..., Path], content: bytes, marker: Path) -> None:
    """Torch evaluates the expressions of sizes when it loads a program; the header's reader does not."""
    code = f"__import__('pathlib').Path({str(marker)!r}).touch()"

    def change(document: Any) -> None:
        size = document["graph_module"]["graph"]["tensor_values"]["x"]["sizes"][0]
        size["as_expr"]["expr_str"] = code
        document["guards_code"] = [code]

    path = write(rewritten(content, header(change)))
    assert LOADER.sniff(path) == 0.95
    assert opened(path).inputs == (Input("x", (None, 2), "float32"),)
    assert not marker.exists()


def test_a_program_that_is_none_gives_one_line_when_it_is_run(write: Callable[..., Path], content: bytes) -> None:
    def change(document: Any) -> None:
        document["graph_module"]["graph"]["nodes"][0]["target"] = "torch.ops.aten.nothing.default"

    path = write(rewritten(content, header(change)))
    read = opened(path).read_module
    assert read is not None
    with pytest.raises(CheckpointError, match="damaged torch file") as caught:
        read()
    assert str(caught.value).isprintable()
    path.unlink()
    with pytest.raises(CheckpointError, match="damaged torch file"):
        read()


def test_a_run_gives_the_numbers_of_torchscript(tmp_path: Path) -> None:
    torch.manual_seed(0)
    nets = {
        "G": nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2)).eval(),
        "D": nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1)).eval(),
    }
    found = []
    for kind in ("export", "script"):
        folder = tmp_path / kind
        folder.mkdir()
        for name, net in nets.items():
            if kind == "export":
                x = torch.randn(4, int(net[0].in_features))  # type: ignore[arg-type]
                (folder / f"{name}_step_7.pt2").write_bytes(saved(exported(net, x, dynamic=name == "D")))
            else:
                torch.jit.save(torch.jit.script(net), folder / f"{name}_step_7.pt")
        arguments = ["--data", "ring8", "--n", "50", "--replicates", "2", "--only", "exact-w", "--only", "critic-gap"]
        assert call(["run", str(folder), *arguments]) == 2
        assert call(["run", str(folder), *arguments, "--trust"]) == 0
        rows = open_report(folder.with_name(f"{kind}-report")).measurements
        assert set(rows["status"]) <= {"ok", "skipped"}
        assert set(rows["step"]) == {7}
        found.append(rows.set_index("metric")["value"].dropna())
    assert len(found[0]) > 10
    assert dict(found[0]) == pytest.approx(dict(found[1]), rel=1e-3, abs=1e-6)
