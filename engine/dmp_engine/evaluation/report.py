"""One HTML page of a run, with everything in it: tables, and every method's pictures.

Rules: no script, no file beside it, no network; grey ground, because colour
around a picture changes how its edges look.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from ..review.contact_sheet import coloured_squares
from ..version import engine_version
from . import pictures
from .items import Item, Source
from .peers import Matte
from .run import Result, layers_path, write_text
from .summary import COLUMNS, flicker_of, summarise

MOST_PICTURED = 60  # items; a page of more is too heavy to open

STYLE = """
:root { color-scheme: dark; }
body { margin: 24px; background: #2b2b2b; color: #ddd; font: 14px/1.45 system-ui, sans-serif; }
h1 { font-size: 22px; } h2 { font-size: 17px; margin: 32px 0 8px; }
p { max-width: 75em; }
a { color: #9ec7ff; }
table { border-collapse: collapse; margin: 8px 0 20px; }
th, td { padding: 4px 10px; text-align: right; border-bottom: 1px solid #444; }
th { vertical-align: bottom; font-weight: 600; color: #bbb; }
th:first-child, td:first-child { text-align: left; white-space: nowrap; }
tr.truth td { color: #999; font-style: italic; }
td.best { color: #8fe28f; font-weight: 700; } td.worse { color: #ff9d87; }
.scroll { overflow-x: auto; }
.strip { display: grid; grid-template-columns: 11em repeat(5, minmax(120px, 400px)); gap: 6px;
  align-items: start; margin-bottom: 6px; }
.strip img { width: 100%; display: block; }
.strip .name { padding-top: 4px; } .strip .name b { display: block; }
.head { color: #999; font-size: 12px; margin-bottom: 2px; }
"""


def write_report(
    title: str, sources: Sequence[Source], results: Sequence[Result], folder: Path
) -> dict[str, Any]:
    """Write summary.json and report.html in ``folder``; returns the summary.

    ``results`` are those of ``sources``. Raises OutputError, and what loading an
    item raises.
    """
    methods = list(dict.fromkeys(r.method for r in results))
    summary = summarise(results, flicker_of(sources, methods, folder))
    summary["version"] = engine_version()
    write_text(folder / "summary.json", json.dumps(summary, indent=1) + "\n")
    body = [
        f"<h1>{escape(title)}</h1>",
        f"<p>dmp {escape(engine_version())}. {_words(summary)}</p>",
        *_means(summary),
        *_each(summary),
        *_flicker(summary),
        *_failures(summary),
    ]
    for section in _pictured(sources, results, folder):
        body += section
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )
    write_text(folder / "report.html", page)
    return summary


# --- tables ------------------------------------------------------------------------------------


def _words(summary: dict[str, Any]) -> str:
    count = len(summary["items"])
    if not count:
        return "No item has a truth and a result of every method, so there is no table."
    return (
        f"Means over the {count} items on which every method gave a result. SAD, Grad and Conn in "
        "thousands, over the whole image; “unknown” is where the truth is mixed, grown by 10 px "
        "at 512. Core: truly opaque pixels with α ≥ 0.98; outside: truly empty pixels with "
        "α ≤ 0.02. <i>Italic methods see the truth</i> and are yardsticks. "
        "Green is the best of those that do not see it. Bar: SAD as a share of the plate "
        "variant's; worse: items on which SAD is more than 10 % above it. Error maps: orange where "
        "α is too opaque, blue where it is too clear; full colour is an error of one half."
    )


def _means(summary: dict[str, Any]) -> list[str]:
    rows = summary["methods"]
    if not summary["items"]:
        return []
    head = ["method", *(c.label for c in COLUMNS), "SAD median", "of bar", "worse", "s", "peak MB"]
    lines = ["<h2>All items</h2>", '<div class="scroll"><table>', _cells(head, "th")]
    honest = [row for row in rows.values() if not row["sees_truth"]]
    best = {}
    for column in COLUMNS:
        values = [row["mean"][column.name] for row in honest if column.name in row["mean"]]
        if values:
            best[column.name] = max(values) if column.more_is_better else min(values)
    for row in rows.values():
        cells = [f"<td>{escape(row['label'])}</td>"]
        for column in COLUMNS:
            value = row["mean"].get(column.name)
            text = "" if value is None else f"{value * column.scale:.{column.digits}f}"
            top = not row["sees_truth"] and value is not None and value == best.get(column.name)
            cells.append(f'<td class="best">{text}</td>' if top else f"<td>{text}</td>")
        cells.append(f"<td>{row['median'].get('sad', 0):.3f}</td>")
        cells.append(f"<td>{row['of_bar']:.2f}</td>" if "of_bar" in row else "<td></td>")
        cells.append(f"<td>{len(row['worse_items'])}</td>" if "of_bar" in row else "<td></td>")
        cells += [f"<td>{row['seconds']:.1f}</td>", f"<td>{row['memory_mb']:.0f}</td>"]
        lines.append(_row(cells, row["sees_truth"]))
    return [*lines, "</table></div>"]


def _each(summary: dict[str, Any]) -> list[str]:
    rows, items = summary["methods"], summary["items"]
    if not items:
        return []
    bar = rows.get(summary["bar"], {}).get("sad", {})
    lines = [
        "<h2>SAD of each item</h2>",
        "<p>Red: more than 10 % above the plate variant.</p>",
        '<div class="scroll"><table>',
        _cells(["method", *items, "mean"], "th"),
    ]
    honest = [row["sad"] for row in rows.values() if not row["sees_truth"]]
    for row in rows.values():
        cells = [f"<td>{escape(row['label'])}</td>"]
        for item in items:
            value = row["sad"][item]
            kind = ""
            if not row["sees_truth"] and value == min(other[item] for other in honest):
                kind = ' class="best"'
            elif item in bar and item in row.get("worse_items", ()):
                kind = ' class="worse"'
            cells.append(f"<td{kind}>{value:.3f}</td>")
        cells.append(f"<td>{row['mean']['sad']:.3f}</td>")
        lines.append(_row(cells, row["sees_truth"]))
    return [*lines, "</table></div>"]


def _flicker(summary: dict[str, Any]) -> list[str]:
    rows = {name: row for name, row in summary["methods"].items() if row["dtssd"]}
    if not rows:
        return []
    sequences = list(next(iter(rows.values()))["dtssd"])
    lines = ["<h2>Flicker (dtSSD ×10²)</h2>", "<table>", _cells(["method", *sequences], "th")]
    for row in rows.values():
        cells = [f"<td>{row['dtssd'][s]:.3f}</td>" for s in sequences]
        lines.append(_row([f"<td>{escape(row['label'])}</td>", *cells], row["sees_truth"]))
    return [*lines, "</table>"]


def _failures(summary: dict[str, Any]) -> list[str]:
    if not summary["failures"]:
        return []
    failures = [
        f"<li>{escape(f['item'])}, {escape(f['method'])}: {escape(f['reason'])}</li>"
        for f in summary["failures"]
    ]
    return ["<h2>Without a result</h2>", "<ul>", *failures, "</ul>"]


def _cells(texts: Sequence[str], kind: str) -> str:
    return "<tr>" + "".join(f"<{kind}>{escape(text)}</{kind}>" for text in texts) + "</tr>"


def _row(cells: Sequence[str], sees_truth: bool) -> str:
    return ('<tr class="truth">' if sees_truth else "<tr>") + "".join(cells) + "</tr>"


# --- pictures ----------------------------------------------------------------------------------


def _pictured(
    sources: Sequence[Source], results: Sequence[Result], folder: Path
) -> Iterator[list[str]]:
    """A section for each item. The second plate is the next item's, if that is another one."""
    shown = list(sources[:MOST_PICTURED])
    if not shown:
        return
    items: list[Item] = []
    for place, source in enumerate(shown):
        item = items.pop() if items else source.load()
        following = shown[(place + 1) % len(shown)]
        after = following.load() if following is not source else item
        same = after.clean.shape == item.clean.shape and np.array_equal(after.clean, item.clean)
        backdrop = None if same or after.linear != item.linear else after.clean
        mine = [r for r in results if r.item == source.name and not r.failure]
        yield _section(item, mine, backdrop, folder)
        items = [after]


def _section(item: Item, results: Sequence[Result], backdrop: Any, folder: Path) -> list[str]:
    height, width = item.image.shape[:2]
    if backdrop is None:
        backdrop = coloured_squares(height, width).astype(np.float64)
    lines = [f"<h2>{escape(item.name)} <small>{width} × {height}</small></h2>"]
    given = [
        ("plate", pictures.colours_uri(item.image, item.linear)),
        ("clean plate", pictures.colours_uri(item.clean, item.linear)),
    ]
    if item.alpha is not None:
        true = Matte(item.alpha, item.foreground)
        given += [
            ("true alpha", pictures.alpha_uri(item.alpha)),
            ("truth over a flat colour", pictures.over_uri(true, item, None)),
            ("truth over a second plate", pictures.over_uri(true, item, backdrop)),
        ]
    lines.append(_strip("", "", given))
    for result in results:
        path = layers_path(folder, item.name, result.method)
        if not path.exists():
            continue
        with np.load(path) as stored:
            matte = Matte(
                stored["alpha"].astype(np.float64),
                stored["foreground"].astype(np.float64) if "foreground" in stored else None,
            )
        caption = f"SAD {result.errors['sad']:.3f}" if result.errors else ""
        if result.sees_truth:
            caption += ", sees the truth"
        shown = [("alpha", pictures.alpha_uri(matte.alpha))]
        if item.alpha is not None:
            shown.append(("error", pictures.error_uri(matte.alpha, item.alpha)))
        colours = pictures.colours_uri(
            item.image if matte.foreground is None else matte.foreground, item.linear
        )
        shown += [
            ("foreground", colours),
            ("over a flat colour", pictures.over_uri(matte, item, None)),
            ("over a second plate", pictures.over_uri(matte, item, backdrop)),
        ]
        lines.append(_strip(result.label, caption, shown))
    return lines


def _strip(name: str, caption: str, tiles: Sequence[tuple[str, str]]) -> str:
    cells = "".join(
        f'<div><div class="head">{escape(label)}</div>'
        f'<img src="{uri}" alt="{escape(f"{name} {label}".strip())}" loading="lazy"></div>'
        for label, uri in tiles
    )
    return (
        f'<div class="strip"><div class="name"><b>{escape(name)}</b>{escape(caption)}</div>'
        f"{cells}</div>"
    )
