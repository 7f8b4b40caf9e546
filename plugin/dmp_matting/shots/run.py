"""Shots: finished frames are left alone, the rest goes in chunks to an executor.

    for event in run_shots(shots): ...        # StopIteration.value: a ShotReport for each shot

Standard library only, Python 3.9. A chunk is one job, so plates are sent and dropped again eight
frames at a time. Closing the generator ends the jobs; frames that are written stay, and the next
run begins where this one ended.
"""

from __future__ import annotations

import collections
import dataclasses
import os
from contextlib import closing
from functools import partial
from typing import Callable, Deque, Dict, Generator, List, Mapping, Sequence, Set, Tuple

from ..atomic_write import no_folder
from ..client.file_states import FileStates
from ..errors import CancelledError, DmpError, InputError, PlateError
from ..frame_window import window_of
from ..job import Frame
from .clean_plates import with_made_plates
from .deliveries import (
    check_deliveries,
    delivered_plate,
    make_folder,
    plate_of,
    shorter_movies,
    without_empty_folders,
    write_deliveries,
)
from .events import (
    Missing,
    ShotEnd,
    ShotEvent,
    ShotFailure,
    ShotFrame,
    ShotNotice,
    ShotProgress,
    ShotReport,
    ShotStart,
)
from .executor import Chunk, Executor
from .follow import follows, with_followed_subject
from .local_executor import LocalExecutor
from .sequences import FilePattern, file_of, is_pattern
from .shot import CHUNK, Gap, Shot, check_shots, gap_sentence
from .up_to_date import (
    FrameStatus,
    WindowOf,
    frame_status,
    holds_same,
    overwrites,
    recorded_plates,
)


def run_shots(
    shots: Sequence[Shot],
    *,
    missing: Missing = Missing.FAIL,
    redo: bool = False,
    overwrite: bool = False,
    make_folders: bool = False,
    chunk: int = CHUNK,
    executor: Callable[[Deque[Chunk]], Executor] = LocalExecutor,
) -> Generator[ShotEvent, None, Tuple[ShotReport, ...]]:
    """Solve the shots in their order; see the top of this file.

    ``redo`` solves finished frames again; ``overwrite`` replaces EXRs of something else, see
    :func:`check_others`; ``make_folders`` makes output folders; ``executor`` solves what is left to
    do: this machine's engine unless another one is given. What is to be delivered of a shot is made
    of its EXRs before its ShotEnd.

    Raises before any work: InputError for shots that cannot be and for EXRs of something else,
    PlateError that names every missing frame. Raises on the way only what ends everything:
    EngineMissingError, EngineError, CancelledError.
    """
    shots = [with_made_plates(shot, make_folder=make_folders) for shot in shots]
    check_shots(shots)
    check_deliveries(shots, make_folders)
    # The frames as they are now: what is on disk later changes no neighbour.
    shots = [dataclasses.replace(shot, frames=shot.numbers()) for shot in shots]
    gaps = check_gaps(shots, missing)
    if not overwrite:
        check_others(shots)
    for place, shot in enumerate(shots):
        if follows(shot):
            yield ShotNotice(shot.name, f"Following '{shot.settings.keep}' through the shot.")
            shots[place] = with_followed_subject(shot)
    reports = {shot.name: ShotReport(shot.name) for shot in shots}
    left: Dict[str, Set[int]] = {}
    queued: Deque[Chunk] = collections.deque()
    states = FileStates()
    for shot in shots:
        report, absent = reports[shot.name], {gap.frame for gap in gaps[shot.name]}
        for numbers in shot.chunks(chunk):
            todo = []
            for number in numbers:
                if number in absent:
                    report.skipped.append(number)
                elif not redo and is_done(shot, number, states):
                    report.kept.append(number)
                else:
                    todo.append(number)
            if todo:
                queued.append((shot, tuple(todo)))
        left[shot.name] = {n for one, numbers in queued if one is shot for n in numbers}
        _ready_folders(shot, left[shot.name], make_folders)
        yield ShotStart(shot.name, shot.numbers(), tuple(report.kept), tuple(gaps[shot.name]))
        if not left[shot.name]:
            yield from _delivered(shot, report, redo)
            yield ShotEnd(report)
    named = {shot.name: shot for shot in shots}
    with without_empty_folders(shots), closing(executor(queued)) as running:
        for event in running.events():
            for one in _account(event, reports[_name(event)], left):
                if isinstance(one, ShotEnd):
                    yield from _delivered(named[one.report.shot], one.report, redo)
                yield one
    return tuple(reports[shot.name] for shot in shots)


def check_others(shots: Sequence[Shot]) -> None:
    """InputError where solving ``shots`` would replace EXRs of something else.

    That is what DMP did not make, or made from another plate. The output of one still may be any
    EXR of DMP: somebody chose that very file.
    """
    sentences, states = [], FileStates()
    for shot in shots:
        is_still = not is_pattern(shot.image) and not is_pattern(shot.output)
        plates = {
            shot.output_of(n): [os.path.abspath(file_of(shot.image, n))] for n in shot.numbers()
        }
        if not (is_still and recorded_plates(shot.output)):
            numbers = {shot.output_of(n): n for n in shot.numbers()}
            sentence = overwrites(plates, is_same=partial(_is_same, shot, numbers, states))
            sentences += [f"{shot.name}: {sentence}"] if sentence else []
        files = {path: [plate_of(shot, numbers)]
                 for path, numbers in shot.deliveries(shot.numbers()).items()
                 if not (is_still and delivered_plate(path))}  # fmt: skip
        sentence = overwrites(files, delivered_plate)
        sentences += [f"{shot.name}: {sentence}"] if sentence else []
    if not sentences and (shorter := shorter_movies(shots)):
        raise InputError(f"{shorter} choose another output, or add --overwrite.")
    if sentences:
        raise InputError(f"{' '.join(sentences)} Choose another output, or add --overwrite.")


def is_done(shot: Shot, number: int, states: FileStates) -> bool:
    """True when the EXR of the frame is there, and is what solving it now would write."""
    path, wanted = shot.output_of(number), shot.possible_settings()
    if not os.path.exists(path):
        return False
    frame, window = _frame(shot, number)
    return frame_status(path, frame, wanted, window, states) is FrameStatus.SOLVED


def _is_same(shot: Shot, numbers: Mapping[str, int], states: FileStates, path: str) -> bool:
    """Whether the EXR of a frame, by its path, was made from what the frame's plates hold now."""
    return holds_same(path, *_frame(shot, numbers[path]), states)


def _frame(shot: Shot, number: int) -> Tuple[Frame, WindowOf]:
    job = shot.job((number,))
    (frame,) = job.frames
    return frame, lambda settings: window_of(frame, job, settings)


def _name(event: ShotEvent) -> str:
    assert not isinstance(event, ShotEnd)
    return event.shot


def _account(
    event: ShotEvent, report: ShotReport, left: Dict[str, Set[int]]
) -> Generator[ShotEvent, None, None]:
    """Write the event into its shot's report and hand it on."""
    open_frames = left[report.shot]
    if isinstance(event, ShotProgress):
        total = len(open_frames) + len(report.solved) + len(report.failed)
        # The last progress of a frame may come after the frame.
        part = event.progress.fraction if event.progress.frame in open_frames else 0.0
        gone = total - len(open_frames) + part
        yield ShotProgress(event.shot, event.progress, min(1.0, gone / total))
        return
    if isinstance(event, ShotFrame):
        layers = event.layers
        report.solved.append(layers.frame)
        report.device = layers.device
        report.seconds += layers.seconds.get("total", 0.0)
        for warning in layers.warnings:
            report.warnings.setdefault(warning, []).append(layers.frame)
        open_frames.discard(layers.frame)
    elif isinstance(event, ShotFailure):
        report.failures.append(event)
        open_frames.difference_update(event.frames)
    yield event
    if not open_frames:
        yield ShotEnd(report)


def check_gaps(shots: Sequence[Shot], missing: Missing) -> Dict[str, List[Gap]]:
    """What is missing, by the shot's name. PlateError that names all of it where that is no choice.

    A shot of which nothing can be solved is refused even when missing frames are skipped.
    """
    gaps = {shot.name: shot.gaps() for shot in shots}
    sentences, rest = [], False
    for shot in shots:
        found = gaps[shot.name]
        all_of_it = {gap.frame for gap in found} == set(shot.numbers())
        if found and (missing is Missing.FAIL or all_of_it):
            sentences.append(gap_sentence(shot, found))
            rest = rest or not all_of_it
    if sentences:
        fix = "Put the files back, or matte the other frames with --missing skip."
        raise PlateError(f"{' '.join(sentences)} {fix if rest else 'Check the names.'}")
    return gaps


def _delivered(shot: Shot, report: ShotReport, again: bool) -> Generator[ShotEvent, None, None]:
    """Make the movie or the pictures of what is finished; a failure is one of no frame."""
    if not shot.delivery or not report.finished:
        return
    if report.failed and FilePattern.parse(shot.delivery) is None:
        old = "; what is there is of an earlier run" if os.path.exists(shot.delivery) else ""
        yield ShotNotice(shot.name, f"{shot.delivery} is not made while frames fail{old}.")
        return
    try:
        for sentence in write_deliveries(shot, report.finished, again):
            yield ShotNotice(shot.name, sentence)
    except CancelledError:
        raise
    except DmpError as error:
        failure = ShotFailure(shot.name, (), error)
        report.failures.append(failure)
        yield failure


def _ready_folders(shot: Shot, numbers: Set[int], make: bool) -> None:
    """Make the output folders; where that is not wanted OutputError for the first without one.

    The folder of EXRs that are to be delivered is DMP's own, so it is always made.
    """
    for folder in sorted({os.path.dirname(shot.output_of(number)) for number in numbers}):
        if make or shot.delivery:
            make_folder(folder)
        elif not os.path.exists(folder):
            raise no_folder(folder)
