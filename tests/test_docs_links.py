"""Every relative link and picture of every page exists, and so does the heading that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("docs", "nuke", "blender_addon", "examples", "benchmarks", "tests", ".")

# [text](target), ![text](target) and <img src="target">; code is taken out of the page first.
LINK = re.compile(r"\]\(\s*<?([^()\s>]+)>?[^()]*\)|<(?:img|a)\b[^>]*\b(?:src|href)=\"([^\"]+)\"")
CODE = re.compile(r"^(```|~~~).*?^\1[^\n]*$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*$", re.MULTILINE)
ELSEWHERE = ("http://", "https://", "mailto:")
# A path of the documentation in a docstring, a comment or a message.
MENTION = re.compile(r"\bdocs/[\w./-]*\w\.(?:md|svg|png)\b")
# A source that a page names.
SOURCE = re.compile(r"\b(?:plugin|engine|nuke|blender_addon|tests|benchmarks|examples)/[\w./-]*\w")


def pages(tree: Path) -> Iterator[Path]:
    for folder in FOLDERS:
        found = (tree / folder).glob("*.md") if folder == "." else (tree / folder).rglob("*.md")
        yield from sorted(found)


def anchors(text: str) -> set[str]:
    """The fragments that GitHub makes of a page's headings."""
    made: set[str] = set()
    for heading in HEADING.findall(re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        number = 1
        unique = slug
        while unique in made:
            unique, number = f"{slug}-{number}", number + 1
        made.add(unique)
    return made


def broken_links(tree: Path) -> list[str]:
    wrong = []
    for page in pages(tree):
        text = page.read_text(encoding="utf-8")
        for in_brackets, in_tag in LINK.findall(CODE.sub("", text)):
            target = in_brackets or in_tag
            if target.startswith(ELSEWHERE):
                continue
            path, _, fragment = target.partition("#")
            file = page.parent / path if path else page
            where = page.relative_to(tree).as_posix()
            if not file.exists():
                wrong.append(f"{where}: {target} does not exist")
            elif fragment and fragment not in anchors(file.read_text(encoding="utf-8")):
                wrong.append(f"{where}: {target} has no such heading")
    return wrong


def lost_mentions(tree: Path) -> list[str]:
    """Paths of the documentation that the sources name and that do not exist."""
    wrong = []
    for folder in ("plugin", "engine", "nuke", "blender_addon", "tests", "benchmarks", "examples"):
        for file in sorted((tree / folder).rglob("*.py")):
            if file.samefile(__file__):
                continue
            for named in MENTION.findall(file.read_text(encoding="utf-8")):
                if not (tree / named).exists():
                    wrong.append(f"{file.relative_to(tree).as_posix()} names {named}")
    return wrong


def lost_sources(tree: Path) -> list[str]:
    """Files and folders of the sources that the pages name and that do not exist."""
    wrong = []
    for page in pages(tree):
        for named in SOURCE.findall(page.read_text(encoding="utf-8")):
            if not any((where / named).exists() for where in (tree, page.parent)):
                wrong.append(f"{page.relative_to(tree).as_posix()} names {named}")
    return wrong


def test_every_link_leads_somewhere() -> None:
    assert len(list(pages(ROOT))) >= 15
    assert broken_links(ROOT) == []


def test_every_page_that_a_source_names_exists() -> None:
    assert lost_mentions(ROOT) == []


def test_every_source_that_a_page_names_exists() -> None:
    assert lost_sources(ROOT) == []


def test_every_page_and_picture_is_linked() -> None:
    """A page that no other page links is lost to its readers."""
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in pages(ROOT)
        for pair in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8")))
        if not (target := pair[0] or pair[1]).startswith(ELSEWHERE)
    }
    docs = [
        file.resolve()
        for kind in ("md", "png", "svg")
        for file in (ROOT / "docs").rglob(f"*.{kind}")
    ]
    assert [str(file.relative_to(ROOT)) for file in docs if file not in linked] == []


def test_broken_links_are_found(tmp_path: Path) -> None:
    def plant(name: str, text: str) -> None:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")

    plant("README.md", "[a](docs/a.md) [b](docs/a.md#two-words) ![p](docs/p.png)\n")
    plant("docs/p.png", "")
    plant("docs/a.md", '# A\n## Two words\n[up](../README.md)\n<img src="p.png">\n`[no](link)`\n')
    assert broken_links(tmp_path) == []
    plant("docs/b.md", '[x](gone.md) [y](a.md#three) ![z](q.png)\n<img alt="w" src="r.png">\n')
    assert broken_links(tmp_path) == [
        "docs/b.md: gone.md does not exist",
        "docs/b.md: a.md#three has no such heading",
        "docs/b.md: q.png does not exist",
        "docs/b.md: r.png does not exist",
    ]


def test_a_lost_mention_is_found(tmp_path: Path) -> None:
    source = tmp_path / "plugin" / "a.py"
    source.parent.mkdir()
    source.write_text('"""See docs/' + 'td/gone.md."""\n', encoding="utf-8")
    assert lost_mentions(tmp_path) == ["plugin/a.py names docs/" + "td/gone.md"]


def test_a_lost_source_is_found(tmp_path: Path) -> None:
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "a.py").write_text("")
    (tmp_path / "README.md").write_text("see `engine/a.py` and `engine/b.py`\n", encoding="utf-8")
    assert lost_sources(tmp_path) == ["README.md names engine/b.py"]
