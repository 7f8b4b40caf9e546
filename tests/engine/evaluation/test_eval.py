"""`dmp eval` as a real process: its report, going on after an end, its sentences."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dmp_engine.__main__ import main
from dmp_engine.evaluation.run import read_results

ROOT = Path(__file__).resolve().parents[3]
PLATES = ROOT / "tests" / "plates"
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join((str(ROOT / "plugin"), str(ROOT / "engine"))),
    "COLUMNS": "120",
}
FEW_STEPS = ["--threads", "1", "--set", "rounds=1", "--set", "joint_steps=2"]


def dmp(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dmp_matting.cli", "eval", *map(str, arguments)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=240,
    )


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    folder = tmp_path_factory.mktemp("eval") / "report"
    done = dmp(PLATES / "lemur", "-o", folder, "--methods", "key-best,plate", "--preset", "draft",
               *FEW_STEPS, "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


def test_the_summary_shows_each_method(report: tuple[Path, dict]) -> None:
    folder, answer = report
    summary = answer["summary"]
    assert answer["path"] == str(folder / "report.html")
    assert summary["items"] == ["lemur"] and not summary["failures"]
    rows = summary["methods"]
    assert list(rows) == ["key-best", "plate", "dmp-draft"]
    assert rows["key-best"]["sees_truth"] and not rows["plate"]["sees_truth"]
    assert rows["plate"]["of_bar"] == 1 and rows["key-best"]["of_bar"] > 2
    assert rows["key-best"]["worse_items"] == ["lemur"]
    assert rows["dmp-draft"]["mean"]["sad"] < 0.7 and rows["dmp-draft"]["seconds"] > 0
    assert json.loads((folder / "summary.json").read_text()) == summary


def test_every_figure_is_there(report: tuple[Path, dict]) -> None:
    for result in read_results(report[0]):
        assert {"sad", "mse", "gradient", "connectivity", "core", "outside"} <= set(result.errors)
        assert result.errors["sad_unknown"] <= result.errors["sad"] + 1e-9
        assert ("foreground_mse" in result.errors) == (result.method != "key-best")
        assert result.memory_mb is None or result.memory_mb > 50


def test_the_page_holds_everything_itself(report: tuple[Path, dict]) -> None:
    page = (report[0] / "report.html").read_text(encoding="utf-8")
    pictures = re.findall(r'<img src="([^"]{30})', page)
    assert len(pictures) == 5 + 3 * 5  # what was given, and five for each method
    assert all(picture.startswith("data:image/jpeg;base64,") for picture in pictures)
    assert "<script" not in page and "http" not in page.replace("http-equiv", "")


def test_a_run_goes_on_where_it_was(report: tuple[Path, dict], tmp_path: Path) -> None:
    """Kept results are taken, one that is missing or of other settings is computed."""
    folder = tmp_path / "report"
    shutil.copytree(report[0], folder)
    lines = (folder / "results.jsonl").read_text().splitlines(keepends=True)
    assert len(lines) == 3
    (folder / "results.jsonl").write_text(lines[0] + lines[2] + '{"item": "torn')
    done = dmp(PLATES / "lemur", "-o", folder, "--methods", "key-best,plate", "--preset", "draft",
               *FEW_STEPS, "--seed", "1")  # fmt: skip
    assert done.returncode == 0, done.stderr
    kept = ["(kept)" in line for line in done.stderr.splitlines() if line[0].isdigit()]
    assert kept == [True, False, False]  # the key kept, the plate lost, DMP of another seed
    assert len(read_results(folder)) == 3


def test_a_shot_has_its_flicker(tmp_path: Path) -> None:
    shot = tmp_path / "ball"
    shot.mkdir()
    for name in ("clean", "plate.1001", "plate.1002", "truth.1001", "truth.1002"):
        shutil.copy(PLATES / "furball" / f"{name}.exr", shot)
    done = dmp(
        shot, "-o", tmp_path / "out", "--methods", "key-best,plate", "--size", "160", "--json"
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["summary"]["methods"]
    assert 0 < rows["plate"]["dtssd"]["ball"] < rows["key-best"]["dtssd"]["ball"]
    assert "Flicker" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_items_without_truth_have_pictures_and_no_figures(tmp_path: Path) -> None:
    for name in ("plate.png", "clean.png"):
        (tmp_path / "in").mkdir(exist_ok=True)
        shutil.copy(PLATES / "lemur" / name, tmp_path / "in")
    done = dmp(tmp_path / "in", "-o", tmp_path / "out", "--methods", "plate,key-best")
    assert done.returncode == 0, done.stderr
    assert "no result. 'in' has no true alpha" in done.stderr
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.count("<img") == 2 + 4 and "Without a result" in page


LEMUR = str(PLATES / "lemur")
WRONG = [
    (["nowhere"], "The folder 'nowhere' does not exist"),
    ([LEMUR, "--methods", "magic"], "There is no method 'magic'"),
    ([LEMUR, "--items", "cat"], "There is no item 'cat'; choose from lemur"),
    (["benchmark"], "name the folder that holds them (alphamatting, real_pairs, lemur) with"),
    (["benchmark", "--data", "nowhere"], "name its folder with --data"),
]


@pytest.mark.parametrize(("arguments", "sentence"), WRONG)
def test_a_wrong_word_is_refused(
    arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the engine, in this process."""
    code = main(["eval", *arguments, "--output", str(tmp_path / "out")])
    (line,) = capsys.readouterr().out.splitlines()
    message = json.loads(line)["message"]
    assert code == 2 and sentence in message and "\n" not in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        WRONG[-1],
        ([LEMUR, "--preset", "best"], "There is no preset 'best'"),
        ([LEMUR, "--set", "seed"], "--set wants FIELD=VALUE, not 'seed'"),
    ],
)
def test_a_wrong_word_is_one_sentence(arguments: list[str], sentence: str, tmp_path: Path) -> None:
    done = dmp(*arguments, "-o", tmp_path / "out")
    assert done.returncode == 2 and sentence in done.stderr
    assert "Traceback" not in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = dmp(PLATES / "lemur", "-o", tmp_path / "file" / "out", "--methods", "key-best")
    assert done.returncode == 2 and "cannot be made" in done.stderr
