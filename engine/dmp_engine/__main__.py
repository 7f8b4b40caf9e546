"""The engine's command line: `python -m dmp_engine run|serve|doctor|view|shot|eval|...`.

Made for the client's side (`dmp` and the hosts), which start it in the engine's own Python. The
answer is JSON on standard output, but for `compare`, whose reader is a person.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import sys
from pathlib import Path

from dmp_matting.errors import DmpError, EngineError, MismatchError, limit_hint

from .evaluation import command as evaluation
from .machine.answer import Lines, answer
from .server import options
from .version import engine_version


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m dmp_engine", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="do one job from standard input")
    commands.add_parser("version", help="print the version that results record")
    commands.add_parser("doctor", help="say what this machine has, and what is wrong")
    view = commands.add_parser("view", help="make a contact sheet of a result")
    view.add_argument("result", type=Path)
    view.add_argument("--output", type=Path, required=True)
    view.add_argument("--image", type=Path)
    view.add_argument("--clean", type=Path)
    view.add_argument("--over", type=Path)
    shot = commands.add_parser("shot", help="look at the frames of a shot")
    looks = (
        "measure",
        "sheet",
        "movie",
        "probe",
        "match",
        "clean",
        "stills",
        "background",
        "frames",
        "deliver",
    )
    shot.add_argument("what", choices=looks)
    shot.add_argument("request", type=Path, help="a JSON file, see review/command.py")
    follow = commands.add_parser("follow", help="follow what Settings.keep means through a shot")
    follow.add_argument("request", type=Path, help="a JSON file, see pipeline/follow.py")
    picture = commands.add_parser("picture", help="make a PNG of a result, foreground and alpha")
    picture.add_argument("result", type=Path)
    picture.add_argument("--output", type=Path, required=True)
    options.add_arguments(commands.add_parser("serve", help="serve jobs on a local socket"))
    compare = commands.add_parser("compare", help="SAD and MSE of a result against a true alpha")
    compare.add_argument("result", type=Path)
    compare.add_argument("truth", type=Path)
    evaluation.add_arguments(commands.add_parser("eval", help="measure mattes against the truth"))
    bench = commands.add_parser("bench", help="time this machine")
    bench.add_argument("--sizes", default="512", help="pixels of a square plate, with commas")
    bench.add_argument("--dmp", action="append", default=[], metavar="NAME=JSON")
    bench.add_argument("--device", default="auto")
    bench.add_argument("--threads", type=int, default=0)
    bench.add_argument("--repeats", type=int, default=10, help="steps that are timed")
    chosen = parser.parse_args(arguments)

    if chosen.command == "run":
        from .processes.run_once import run

        return run()
    if chosen.command == "serve":
        return _serve(chosen)
    if chosen.command == "eval":
        return evaluation.run(chosen)
    return answer(lambda: _lines(chosen))


def _lines(chosen: argparse.Namespace) -> Lines:
    """What a command prints, its errors left out."""
    if chosen.command == "version":
        yield {"version": engine_version()}
    elif chosen.command == "bench":
        from .machine.bench.command import bench_lines

        yield from bench_lines(chosen)
    elif chosen.command == "shot":
        from .review.command import shot_lines

        yield from shot_lines(chosen.what, chosen.request)
    elif chosen.command == "follow":
        from .pipeline.follow import follow_lines

        yield from follow_lines(chosen.request)
    elif chosen.command == "doctor":
        from .machine.doctor import examine

        checks = examine()
        sound = not any(check.status == "fail" for check in checks)
        yield {"ok": sound, "checks": [check.to_json() for check in checks]}
    elif chosen.command == "view":
        from .review.contact_sheet import make_sheet

        shown = make_sheet(chosen.result, chosen.output, chosen.image, chosen.clean, chosen.over)
        yield {"ok": True, "path": str(chosen.output), "missing": shown}
    elif chosen.command == "picture":
        from .review.result_png import make_picture

        make_picture(chosen.result, chosen.output)
        yield {"ok": True, "path": str(chosen.output)}
    else:
        _compare(chosen.result, chosen.truth)


def _serve(chosen: argparse.Namespace) -> int:
    """Serve; whatever keeps the engine from it is the last line of its standard output."""
    failure: DmpError
    try:
        from .server.lifecycle import serve

        return serve(chosen)
    except ImportError as reason:
        from .machine.errors import incomplete

        failure = incomplete(reason)
    except DmpError as error:
        failure = error
    except OSError as reason:
        failure = EngineError(
            f"The engine could not start ({reason.strerror or reason}"
            f"{': ' + str(reason.filename) if reason.filename else ''}{limit_hint(reason)})."
        )
    with contextlib.suppress(OSError):  # nobody waits for it any more
        print(json.dumps(failure.to_wire()), flush=True)
    return failure.exit_code


def _compare(result: Path, truth: Path) -> None:
    from .evaluation.metrics import mse, sad
    from .review.contact_sheet import read_alpha

    alpha, true = read_alpha(result), read_alpha(truth)
    if alpha.shape != true.shape:
        (h, w), (true_h, true_w) = alpha.shape, true.shape
        raise MismatchError(f"'{result}' is {w} x {h} but '{truth}' is {true_w} x {true_h}.")
    print(f"SAD {sad(alpha, true):.3f}   MSE x1000 {1000 * mse(alpha, true):.2f}")


def _leave(code: int) -> None:
    """End this process at once. Taking torch apart would last for half a second after the result.

    Not by freezing what is left: OpenImageIO would then print a leak of each of its objects.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    # Torch is a million objects that stay: as often as usual they would be searched for garbage
    # longer than many a command takes.
    gc.set_threshold(10_000)
    _leave(main())
