"""The figures and pictures of the documentation are those of the results and of the sources."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from .scripts import load_script

ROOT = Path(__file__).resolve().parent.parent
HOUSE = ROOT / "docs" / "engineering"
AGAIN = "; run `make figures`"


figures = load_script("benchmarks/figures.py")
house = load_script("docs/engineering/house.py")


def stale(tree: Path = ROOT) -> list[str]:
    """Pages whose figures are old."""
    return [
        page.relative_to(tree).as_posix()
        for page in figures.pages(tree)
        if (text := page.read_text(encoding="utf-8")) != figures.rewritten(text)
    ]


def test_every_table_is_that_of_the_results() -> None:
    assert stale() == [], f"these pages are older than benchmarks/results{AGAIN}"


def test_every_table_stands_somewhere() -> None:
    named = {
        name
        for page in figures.pages()
        for _, name, _ in figures.BLOCK.findall(page.read_text(encoding="utf-8"))
    }
    assert named == set(figures.TABLES)
    assert "<!-- figures: results -->" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_a_figure_of_the_readme_is_the_mean_of_the_images() -> None:
    """Once by another way than the script's: from the images, not from the stored mean."""
    one = json.loads((figures.RESULTS / "draft_s320.json").read_text())["methods"]["dmp-draft"]
    mean = sum(one["sad"].values()) / len(one["sad"])
    row = re.search(r"^\| \*\*DMP `draft`\*\* \| ([\d.]+) ", figures.results(), re.MULTILINE)
    assert row is not None and float(row[1]) == pytest.approx(mean, abs=0.005)


def test_a_changed_figure_is_found(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    text = "before\n<!-- figures: bench -->\n<!-- /figures -->\nafter\n"
    (tmp_path / "README.md").write_text(figures.rewritten(text), encoding="utf-8")
    assert stale(tmp_path) == []
    page = figures.rewritten(text)
    digit = re.search(r"\d(?=\.\d \|)", page)
    assert digit is not None and page.startswith("before\n") and page.endswith("\nafter\n")
    changed = page[: digit.start()] + str((int(digit[0]) + 1) % 10) + page[digit.end() :]
    (tmp_path / "README.md").write_text(changed, encoding="utf-8")
    assert stale(tmp_path) == ["README.md"]


def test_a_table_that_does_not_exist_is_refused() -> None:
    with pytest.raises(KeyError):
        figures.rewritten("<!-- figures: no-such -->\n<!-- /figures -->\n")


def test_the_picture_of_the_cost_is_that_of_the_results(tmp_path: Path) -> None:
    drawn = tmp_path / "cost.svg"
    source = figures.RESULTS / "cost_by_size.json"
    command = [sys.executable, ROOT / "benchmarks" / "plot_cost.py", source, drawn]
    subprocess.run(command, check=True)
    assert drawn.read_bytes() == (HOUSE / "cost_by_size.svg").read_bytes(), AGAIN


# --- the house's picture -------------------------------------------------------------------------


def words(svg: Path) -> set[str]:
    """All words of the text of a picture."""
    texts = ElementTree.parse(svg).iter("{http://www.w3.org/2000/svg}text")
    return {word for text in texts for word in (text.text or "").replace("\xa0", " ").split()}


def boxes(package: str) -> set[str]:
    """What the picture writes on the boxes of a package: one for each room."""
    rooms = house.read_package(ROOT, package).rooms
    return {
        "__init__.py" if room == house.FACE else f"{room}/" if held else f"{room}.py"
        for room, held in rooms.items()
    }


def test_the_picture_is_that_of_the_imports(tmp_path: Path) -> None:
    """And it shows every room."""
    drawn = tmp_path / "house.svg"
    subprocess.run([sys.executable, HOUSE / "draw_house.py", drawn], check=True)
    wanted = set().union(*map(boxes, house.PACKAGES))
    assert len(wanted) > 20
    assert wanted - words(drawn) == set()
    assert drawn.read_bytes() == (HOUSE / "house.svg").read_bytes(), AGAIN


def test_the_architecture_page_names_every_package() -> None:
    page = (HOUSE / "architecture.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([\w./]+)/` \|", page, re.MULTILINE)
    wanted = [f"{'plugin' if name.startswith('dmp_matting') else 'engine'}/{name}".replace(".", "/")
              for name in house.folders(ROOT)]  # fmt: skip
    assert sorted(listed) == sorted(wanted)


def test_no_arrow_goes_back_up() -> None:
    for package in house.PACKAGES:
        assert house.read_package(ROOT, package).back_up() == set()


def plant(tree: Path, **files: str) -> None:
    for name, text in files.items():
        file = tree / "plugin" / "dmp_matting" / f"{name.replace('__in__', '/')}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def test_rooms_floors_and_arrows_are_counted(tmp_path: Path) -> None:
    (tmp_path / "plugin" / "dmp_matting" / "b").mkdir(parents=True)
    (tmp_path / "plugin/dmp_matting/__init__.py").write_text("from .a import f\n")
    (tmp_path / "plugin/dmp_matting/b/__init__.py").write_text("")
    plant(tmp_path, a="from .b import one\n", b__in__one="from ..c import g\n", c="import os\n")
    package = house.read_package(tmp_path, "dmp_matting")
    assert package.rooms == {house.FACE: [], "a": [], "b": ["one"], "c": []}
    assert package.arrows == {(house.FACE, "a"), ("a", "b"), ("b", "c")}
    assert package.counts() == {"rooms": 4, "floors": 4, "arrows": 3, "back up": 0, "circles": 0}
    plant(tmp_path, c="def late():\n    from .a import f\n")
    package = house.read_package(tmp_path, "dmp_matting")
    assert package.circles() == [["a", "b", "c"]]
    assert package.back_up() == {("a", "b"), ("b", "c"), ("c", "a")}
