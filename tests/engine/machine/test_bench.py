"""`dmp bench`, and that a step can be repeated blindly: one shape, no look at a value."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from dmp_engine.dmp.model.encoding import Encoding
from dmp_engine.dmp.paper.losses import Problem, Trainer
from dmp_engine.machine.bench.measure import made_pair
from dmp_engine.machine.bench.traffic import bytes_of, copy_bandwidth
from dmp_matting import Settings

ROOT = Path(__file__).resolve().parents[3]
LOOKS = (
    "aten._local_scalar_dense",  # item(), float(), bool(): the device is waited for
    "aten.nonzero",
    "aten.masked_select",
    "aten.index.Tensor",
    "aten.index_put",
    "aten._unique",
    "aten.is_nonzero",
    "aten.equal",
)


class Blind(TorchDispatchMode):
    """Refuses what looks at values or moves them between devices; keeps every shape."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, tuple[torch.Size, ...]]] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name = str(func)
        if name.startswith(LOOKS):
            raise AssertionError(f"the step looks at a value: {name}")
        if name.startswith("aten._to_copy") and "device" in (kwargs or {}):
            raise AssertionError("the step moves values between devices")
        result = func(*args, **(kwargs or {}))
        shapes = tuple(x.shape for x in args if isinstance(x, torch.Tensor))
        self.calls.append((name, shapes))
        return result


def learner_of(settings: Settings) -> Trainer:
    image, clean, alpha = made_pair(48, 64)
    trimap = torch.where((alpha > 0) & (alpha < 1), 0.5, alpha)
    encoding = Encoding.of_pair(image, clean, False)
    problem = Problem(image, clean, trimap, encoding)
    return Trainer(problem, settings, torch.Generator().manual_seed(0))


def test_a_step_can_be_repeated_blindly(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a CUDA graph asks for: the same calls on the same shapes, whatever the values are.

    Without torch's own Adam, which counts its steps on the CPU here and on the GPU there.
    """
    trainer = learner_of(Settings())
    trainer.joint_step(0, 10)
    monkeypatch.setattr(trainer.optimiser, "step", lambda: None)
    seen = []
    for step in (1, 9):
        with Blind() as blind:
            trainer.joint_step(step, 10)
        seen.append(blind.calls)
    assert seen[0] == seen[1] and len(seen[0]) > 100


def test_a_look_is_seen() -> None:
    with pytest.raises(AssertionError, match="looks at a value"), Blind():
        float(torch.ones(1))
    with pytest.raises(AssertionError, match="looks at a value"), Blind():
        torch.ones(3)[torch.ones(3, dtype=torch.bool)]


def test_bytes_are_those_of_the_convolutions() -> None:
    image, kernel = torch.ones(1, 2, 8, 8), torch.ones(4, 2, 3, 3)
    moved = bytes_of(lambda: torch.nn.functional.conv2d(image, kernel, padding=1).relu())
    assert moved == 4 * (2 * 64 + 4 * 2 * 9 + 4 * 64)
    assert bytes_of(lambda: image.relu()) == 0


def test_the_copy_has_a_speed() -> None:
    assert 1e8 < copy_bandwidth("cpu") < 1e13


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    roots = os.pathsep.join((str(ROOT / "plugin"), str(ROOT / "engine")))
    return subprocess.run(
        [sys.executable, "-m", "dmp_matting.cli", "bench", *arguments],
        env={**os.environ, "PYTHONPATH": roots},
        capture_output=True,
        text=True,
    )


def test_dmp_bench(tmp_path: Path) -> None:
    path = tmp_path / "speed.json"
    done = bench(
        "--sizes", "64,96", "--preset", "draft", "--device", "cpu", "--threads", "1",
        "--repeats", "2", "-o", str(path), "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result == json.loads(path.read_text())
    assert result["threads"] == 1 and [row["size"] for row in result["rows"]] == [64, 96]
    for row in result["rows"]:
        assert row["draft"]["sad"] < 0.2 * row["size"] ** 2 / 1000  # it was a matte
        assert len(row["authors"]["step_ms_all"]) == 2
        assert row["authors"]["times_floor"] > 0 and row["draft"]["whole_s"] > 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--sizes", "many"], "--sizes wants whole numbers with commas, not 'many'."),
        (["--sizes", "8"], "Sizes begin at 64 pixels, repeats at 1."),
        (["--preset", "best"], "There is no preset 'best'"),
    ],
)
def test_wrong_words_are_a_sentence(arguments: list[str], sentence: str) -> None:
    done = bench(*arguments)
    assert done.returncode == 2 and done.stderr.startswith(sentence)
