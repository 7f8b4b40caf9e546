"""Write the measured figures of the documentation anew, from benchmarks/results/*.json.

    python benchmarks/figures.py          # `make figures` also draws the pictures

A page holds a table between two comments; the first one names the table:

    <!-- figures: results -->
    <!-- /figures -->

Everything between them is replaced. No measured figure of these tables is written by hand.
tests/test_figures.py fails when a page and the results disagree. Standard library only.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
BLOCK = re.compile(r"(<!-- figures: ([\w-]+) -->\n).*?(<!-- /figures -->)", re.DOTALL)

BAR = "plate"  # the strongest keyer that sees no truth: the method to compare with
OURS = {"dmp-draft": "**DMP `draft`**", "dmp-final": "**DMP `final`**"}
DISTURBANCES = {  # of benchmarks/disturbed.py
    "still": "none",
    "shift-0.3": "shift by 0.3 px",
    "shift-1": "shift by 1 px",
    "shift-4": "shift by 4 px",
    "shift-20": "shift by 20 px",
    "turn": "rotation by 0.5°",
    "gain-dark": "gain 0.8",
    "gain-bright": "gain 1.25, clipped",
    "gain-colours": "gain 0.8, 1, 1.25 in R, G, B",
    "vignette": "vignette, −30 % in the corners",
    "noise-0.5": "grain 0.5 %",
    "noise-1": "grain 1 %",
    "noise-2": "grain 2 %",
    "noise-4": "grain 4 %",
    "read-0.2": "a sensor's read noise, 0.2 % of white in linear values",
    "read-0.5": "the same, 0.5 %",
    "jpeg": "JPEG quality 85",
    "noise-0.5-jpeg": "grain 0.5 %, then JPEG 85",
    "noise-1-jpeg": "grain 1 %, then JPEG 85",
}


def load(name: str) -> Any:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def table(head: str, rows: Iterable[Iterable[object]]) -> str:
    columns = [column.strip() for column in head.split("|")]
    lines = [columns, ["---"] * len(columns), *([str(cell) for cell in row] for row in rows)]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def methods(size: int) -> dict[str, Any]:
    """Every method that was measured at this size; DMP's own results come last."""
    found: dict[str, Any] = dict(load(f"peers_s{size}")["methods"])
    for preset in ("draft", "final"):
        key = f"dmp-{preset}"
        found[key] = load(f"{preset}_s{size}")["methods"][key]
    return found


def label(key: str, method: dict[str, Any]) -> str:
    name = OURS.get(key, method["label"])
    return f"*{name}*" if method["sees_truth"] else name


# --- quality -------------------------------------------------------------------------------------


def results() -> str:
    """The one table of the README."""
    small, large = methods(320), methods(512)
    rows = []
    for key in ("eq8-cf", BAR, *OURS):
        one, mean = small[key], small[key]["mean"]
        rows.append((
            label(key, one) + (" (the bar)" if key == BAR else ""),
            f"{mean['sad']:.2f}", f"{1000 * mean['mse']:.2f}", f"{mean['gradient']:.2f}",
            f"{100 * mean['core']:.1f} %", f"{large[key]['mean']['sad']:.2f}",
            f"{len(one['worse_items'])}, {len(large[key]['worse_items'])}" if key in OURS else "",
        ))  # fmt: skip
    head = (
        "method | SAD, 320 px | MSE | gradient | core | SAD, 512 px | "
        "images worse than the bar (320 px, 512 px)"
    )
    return table(head, rows)


def of_all(size: int, keys: Iterable[str] | None = None) -> str:
    found = methods(size)
    bar = found[BAR]["mean"]["sad"]
    rows = []
    for key in keys or found:
        mean, median = found[key]["mean"], found[key]["median"]
        layer = mean.get("foreground_mse")
        rows.append((
            label(key, found[key]), f"{mean['sad']:.3f}", f"{median['sad']:.3f}",
            f"{mean['sad'] / bar:.2f}", f"{1000 * mean['mse']:.2f}", f"{mean['gradient']:.3f}",
            f"{mean['connectivity']:.3f}", f"{mean['sad_unknown']:.3f}",
            "" if layer is None else f"{1000 * layer:.2f}",
            f"{100 * mean['core']:.2f}", f"{100 * mean['outside']:.2f}",
            f"{found[key]['seconds']:.1f}",
        ))  # fmt: skip
    head = (
        "method | SAD | median | of the bar | MSE | gradient | connectivity | SAD, unknown | "
        "MSE of F | core % | outside % | seconds"
    )
    return table(head, rows)


def by_image() -> str:
    found = {size: methods(size) for size in (320, 512)}
    images = sorted(found[320][BAR]["sad"])
    return table(
        " | ".join(["SAD", *(image.removeprefix("GT") for image in images)]),
        (
            [f"{label(key, found[size][key])}, {size} px",
             *(f"{found[size][key]['sad'][image]:.2f}" for image in images)]
            for size in (320, 512)
            for key in (BAR, *OURS)
        ),
    )  # fmt: skip


def disturbed() -> str:
    sad = load("disturbed_s320")["sad"]

    def mean(kind: str) -> float:
        values = [image[kind]["fitted"] for image in sad.values() if kind in image]
        return sum(values) / len(values)

    still = mean("still")
    return table(
        "disturbance | SAD | times the undisturbed pair",
        ((words, f"{mean(kind):.3f}", f"{mean(kind) / still:.2f}")
         for kind, words in DISTURBANCES.items()),
    )  # fmt: skip


def shots() -> str:
    rows = []
    for name, words in (("furball", "furball, 8 frames"), ("lemur", "lemur, 48 frames")):
        ways = load(f"shot_{name}")["methods"]
        for way, text in (
            ("frame_by_frame", "each frame alone"),
            ("neighbours", "with neighbours"),
        ):
            one = ways[way]
            all_frames = one["all"]
            rows.append((
                words, text, f"{all_frames['sad_mean']:.3f}", f"{all_frames['dtssd']:.2f}",
                f"{all_frames['flicker']:.4f}", f"{all_frames['ghost']:.4f}",
                f"{one['cpu_seconds']['first']:.0f}", f"{one['cpu_seconds']['median_after']:.1f}",
                f"{max(one['memory_mb']):,.0f}",
            ))  # fmt: skip
    head = (
        "shot | solved | SAD | dtSSD | flicker ×10² | ghost ×10² | CPU seconds, first frame | "
        "each later frame | memory, MB"
    )
    return table(head, rows)


# --- the training ground -------------------------------------------------------------------------

GROUND_METHODS = {"plate": "plate variant", "before": "`draft` at a6bbb6b", **OURS}
WAYS = {  # to a straight foreground, in benchmarks/training_ground_foreground.py
    "own": "its own foreground",
    "inversion": "exact inversion",
    "multi-level": "multi-level estimate",
}


def training_ground() -> str:
    """SAD of each picture."""
    alpha = load("training_ground")["alpha"]
    measured = [method for method in GROUND_METHODS if method in next(iter(alpha.values()))]
    return table(
        " | ".join(["SAD", *(GROUND_METHODS[method] for method in measured)]),
        ([item, *(f"{found[method]['sad']:.3f}" for method in measured)]
         for item, found in alpha.items()),
    )  # fmt: skip


def training_ground_foreground() -> str:
    found = load("training_ground")["foreground"]
    alphas = {**GROUND_METHODS, "truth": "*true alpha*"}
    rows = []
    for way in sorted(next(iter(found.values())), key=lambda way: list(alphas).index(
        way.split(", ")[0]
    )):  # fmt: skip
        alpha, colours = way.split(", ")
        means = (
            1000 * sum(item[way][error] for item in found.values()) / len(found)
            for error in ("foreground", "composite")
        )
        rows.append([alphas[alpha], WAYS[colours], *(f"{mean:.2f}" for mean in means)])
    return table("alpha | foreground | MSE of F | MSE of composites", rows)


# --- speed ---------------------------------------------------------------------------------------


def bench() -> str:
    row = load("bench_cpu")["rows"][0]
    schedule = row["authors"]["whole_schedule_s"]
    rows = [("published schedule", f"{row['authors']['step_ms']:.0f}",
             f"{row['authors']['times_floor']:.0f}", f"{schedule:,.0f}", "1", "")]  # fmt: skip
    for preset in ("draft", "final"):
        one = row[preset]
        rows.append((
            f"`{preset}`", "", "", f"{one['whole_s']:.1f}", f"{schedule / one['whole_s']:.0f}",
            f"{one['peak_mb']:,.0f}",
        ))  # fmt: skip
    return table("512×512 | step, ms | × memory floor | whole, s | times faster | peak, MB", rows)


def time_to_quality() -> str:
    report = load("time_to_quality")
    rows = []
    for one in report["rows"]:
        cells = [one["item"]]
        cells.append(f"{one['authors']['cpu_seconds']:,.0f} s, {one['authors']['sad']:.3f}")
        for preset in ("draft", "final"):
            found = one[preset]
            cells.append(f"{found['cpu_seconds']:.1f} s, {found['sad']:.3f}")
            cells.append(f"{found['reached_after']:.1f} s ({found['times_sooner']:.0f}×)")
        cells.append(f"{one['peer']['cpu_seconds']:.2f} s, {one['peer']['sad']:.3f}")
        rows.append(cells)
    mean = report["mean_times_sooner"]
    rows.append(["mean", "", "", f"{mean['draft']:.0f}×", "", f"{mean['final']:.0f}×", ""])
    head = (
        "image | published schedule: time, SAD | `draft`: time, SAD | as good after | "
        "`final`: time, SAD | as good after | closed form: time, SAD"
    )
    return table(head, rows)


def cost_by_size() -> str:
    rows = []
    for one in load("cost_by_size")["rows"]:
        rows.append((
            f"{one['width']}×{one['height']}", f"{one['wall']:.1f}", f"{one['cpu']:.1f}",
            f"{one['peak_gb']:.2f}", f"{one['sad_at_512']:.2f}",
        ))  # fmt: skip
    return table("plate | seconds | CPU seconds | memory, GB | SAD, scaled to 512 px", rows)


def responses() -> str:
    """What is measured in single figures: previews, the server, workers, a long shot."""
    preview = load("first_preview")["pairs"]["lemur"]
    server, workers, many = load("server_overhead"), load("cpu_workers"), load("many_frames")
    first, last = many["notes"][1], many["notes"][-1]
    return table(
        "what | measured",
        (
            ("first preview of a 512×512 pair, warm engine",
             f"{preview['first_preview']['median']:.2f} s"),
            ("first alpha of the solver, the same pair",
             f"{preview['solvers_own_alpha']['median']:.1f} s"),
            ("what the server adds to a 1920×1080 pair", f"{server['overhead']:.2f} s"),
            ("the same request again",
             f"{server['second_identical_request']['median']:.2f} s"),
            ("furball, frames a minute, one CPU worker",
             f"{workers['workers_1']['frames_a_minute']:.1f}"),
            ("the same, two workers of one core each",
             f"{workers['workers_2']['frames_a_minute']:.1f}"),
            (f"memory of the worker after {first['frame']} and {last['frame']} frames of a shot",
             f"{first['worker']['mb']:.0f} MB, {last['worker']['mb']:.0f} MB"),
        ),
    )  # fmt: skip


def work() -> str:
    """What benchmarks/work.py counts."""
    rows = [
        (
            case, f"{found['operations']:,}", f"{found['elements'] / 1e6:.0f}",
            f"{found['products']:,}", f"{found['waits']:,}", f"{found['opencv'] / 1e6:.1f}",
            f"{found['read'] / 1e3:.0f}",
        )
        for case, found in load("work")["work"].items()
    ]  # fmt: skip
    head = (
        "`draft`, 96×64 | operations of torch | their elements, millions | sparse products | "
        "waits | elements of OpenCV and SciPy, millions | read, kB"
    )
    return table(head, rows)


HOST_WORK = {  # rows of benchmarks/host_work.py: what it is, and what does it
    "read": ("both plates read, decoded, converted", "OpenImageIO, NumPy"),
    "digest": ("digest of their pixels", "hashlib"),
    "unit": ("the unit in which white is 1", "NumPy"),
    "fit": ("fit of the clean plate", ""),
    "fit: registration": ("of it: registration", "OpenCV"),
    "fit: warp and light": ("of it: warp, exposure, light", "OpenCV, NumPy"),
    "fit: focus": ("of it: focus", "OpenCV"),
    "fit: residual": ("of it: residual", "OpenCV, SciPy"),
    "fit: filled borders": ("of it: borders filled", "SciPy"),
    "fit: JPEG": ("of it: search for JPEG", "OpenCV"),
    "fit: checks of the pair": ("of it: checks of the pair", "OpenCV, SciPy"),
    "labels of the crop": ("crop to what differs", "SciPy's labels, the rest torch"),
    "labels of islands": ("islands of the background", "SciPy's labels"),
    "emission": ("light without alpha", "OpenCV"),
    "to arrays": ("layers to arrays", "torch"),
    "write": ("layers to an EXR", "OpenImageIO, NumPy"),
    "the whole frame": ("the whole frame, with the solve", "torch"),
}


def host_work() -> str:
    """What is not torch in a frame, and a shot's optical flow."""
    found = load("host_work")
    cases = found["frames"]
    rows = [
        (what, by, *(f"{case[key]:.2f}" for case in cases.values()))
        for key, (what, by) in HOST_WORK.items()
    ]
    calls = found["flows_of_a_later_frame"]
    rows.append((
        f"a later frame of a shot: {calls} optical flows", "OpenCV",
        *(f"{calls * found['flow'][case.split(',')[0]]:.2f}" for case in cases),
    ))  # fmt: skip
    return table(" | ".join(["CPU seconds", "by", *cases]), rows)


# --- on a GPU ------------------------------------------------------------------------------------

GPU = "gpu_nvidia_h200"  # of benchmarks/gpu; "_first" is the run before anything was mended


def gpu_rows(part: str, run: str = GPU) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = load(run)["parts"][part]["rows"]
    return rows


def gpu_frames() -> str:
    """Whole solves of a made pair, before and after."""
    rows = [
        (
            now["size"], f"`{now['preset']}`", f"{first['warm_s']:.2f}", f"{now['warm_s']:.2f}",
            f"{first['warm_s'] / now['warm_s']:.1f}", f"{now['cold_s']:.2f}",
            f"{now['peak_mb']:.0f}", f"{now['reserved_mb']:.0f}",
        )
        for first, now in zip(gpu_rows("frames", f"{GPU}_first"), gpu_rows("frames"), strict=True)
    ]  # fmt: skip
    head = (
        "plate | preset | first run, s | now, s | ratio | the process's first frame, s | "
        "peak, MB | reserved, MB"
    )
    return table(head, rows)


def gpu_correctness() -> str:
    """SAD on the GPU beside the CPU's, and whether two runs give the same bits."""

    def compared(run: str) -> list[dict[str, Any]]:
        return [row for row in gpu_rows("correctness", run) if row["stage"] == "against the CPU"]

    rows = []
    for first, now in zip(compared(f"{GPU}_first"), compared(GPU), strict=True):
        cells = [now["plate"], f"`{now['preset']}`"]
        for row in (first, now):
            same = "yes" if row["same_bits_twice"] else f"no, {row['largest_difference_twice']:.2g}"
            cells += [f"{row['sad']:.3f}", f"{row['cpu_sad']:.3f}", f"{row['ratio']:.4f}", same]
        apart = (f"{now['mean_difference']:.1e}", f"{now['largest']:.2f}")
        rows.append((*cells, *apart, f"{now['cpu_s'] / now['warm_s']:.1f}"))
    head = (
        "plate | preset | first run: SAD | of the CPU | ratio | the same bits twice | "
        "now: SAD | of the CPU | ratio | the same bits twice | alpha from the CPU's, mean | "
        "largest | seconds of the CPU over the GPU's"
    )
    return table(head, rows)


def gpu_precision() -> str:
    """What fewer bits save and cost."""
    rows = []
    for row in gpu_rows("precision"):
        measured = ("refused", "") if "refused" in row else (f"{row['sad']:.3f}", row["seconds"])
        rows.append((row["plate"], f"`{row['preset']}`", row["way"], *measured))
    return table("plate | preset | arithmetic | SAD | seconds", rows)


def gpu_memory() -> str:
    """Hair all over the plate: what is taken, and what is reckoned with."""
    rows = [
        (
            f"{row['width']}x{row['height']}", row["solve_size"], f"`{row['preset']}`",
            f"{row['peak_mb']:.0f}", f"{row['reserved_mb']:.0f}", row["needed_mb"],
        )
        for row in gpu_rows("memory") if row["what"] == "hair"
    ]  # fmt: skip
    return table("plate | solved at | preset | peak, MB | reserved, MB | estimate, MB", rows)


# --- the house -----------------------------------------------------------------------------------

HOUSE = ROOT / "docs" / "engineering"
BEFORE = {  # rooms, floors and arrows at commit a6bbb6b: python house.py CHECKOUT
    "dmp_matting": (32, 10, 150),
    "dmp_engine": (27, 6, 64),
    "dmp_engine.dmp": (24, 7, 63),
    "dmp_engine.plates": (20, 5, 36),
}


def house() -> str:
    counts = subprocess.run(
        [sys.executable, HOUSE / "house.py", "--json"], check=True, capture_output=True, text=True
    ).stdout
    rows = []
    for name, now in json.loads(counts).items():
        measured = [now[what] for what in ("rooms", "floors", "arrows", "back up", "circles")]
        rows.append([f"`{name}`", *measured, *BEFORE[name]])
    head = (
        "package | rooms | floors | arrows | back up | circles | rooms before | floors before | "
        "arrows before"
    )
    return table(head, rows)


REPEATED = {  # files with a mechanism at commit a6bbb6b: python mechanisms.py CHECKOUT
    "a thread with poll, wait and result": 2,
    "a ticker on Nuke's main thread": 2,
    "a ticker on Blender's main thread": 1,
    "a generator drained to its result": 8,
    "a file that appears whole": 14,
    "the sRGB curve": 5,
    "the first bytes of an EXR": 3,
    "another Python, with nothing of the user's": 3,
    'the sentence "DMP hit a bug"': 13,
    "the stages in words": 3,
    "a frame's plates as the solver's pair": 2,
}


def mechanisms() -> str:
    command = [sys.executable, HOUSE / "mechanisms.py", "--json"]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    rows = [
        (name, REPEATED.get(name, ""), len(one["files"]),
         "<br>".join(f"`{file}`" for file in one["files"]), one["why"])
        for name, one in found.items()
    ]  # fmt: skip
    return table("mechanism | files before | files now | where | why two", rows)


TABLES: dict[str, Callable[[], str]] = {
    "results": results,
    "benchmark-320": lambda: of_all(320, ("eq8-cf", "plate-once", BAR, *OURS)),
    "benchmark-512": lambda: of_all(512, ("eq8-cf", "plate-once", BAR, *OURS)),
    "by-image": by_image,
    "peers-320": lambda: of_all(320),
    "peers-512": lambda: of_all(512),
    "disturbed": disturbed,
    "shots": shots,
    "training-ground": training_ground,
    "training-ground-foreground": training_ground_foreground,
    "bench": bench,
    "time-to-quality": time_to_quality,
    "cost-by-size": cost_by_size,
    "responses": responses,
    "work": work,
    "host-work": host_work,
    "gpu-frames": gpu_frames,
    "gpu-correctness": gpu_correctness,
    "gpu-precision": gpu_precision,
    "gpu-memory": gpu_memory,
    "house": house,
    "mechanisms": mechanisms,
}


def rewritten(page: str) -> str:
    """The page with its tables made anew. KeyError where a table does not exist."""
    return BLOCK.sub(lambda found: f"{found[1]}{TABLES[found[2]]()}{found[3]}", page)


def pages(tree: Path = ROOT) -> list[Path]:
    """The pages that hold a table."""
    found = [tree / "README.md", *sorted((tree / "docs").rglob("*.md"))]
    return [page for page in found if BLOCK.search(page.read_text(encoding="utf-8"))]


def main() -> None:
    for page in pages():
        text = page.read_text(encoding="utf-8")
        new = rewritten(text)
        if new != text:
            page.write_text(new, encoding="utf-8")
            print(f"wrote {page.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
