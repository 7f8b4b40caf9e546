"""Plates that were rendered for a farm, and the farm's results of them.

A result of a farm names the rendered plates, which have nothing of the node in their names. So a
record lies beside them: for each plate the name that a job of the node gives it, and what the disk
reports of the files behind it. With it the node knows its own results, and which of them are stale.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Dict, List, Mapping, Sequence

import nuke

from dmp_matting.hosts import (
    FileStates,
    Frame,
    FrameStatus,
    Plate,
    Role,
    Settings,
    frame_status,
    read_plate_record,
    recorded_plates,
)

from . import output, prepare
from .render import plate_path
from .sources import Sources, number_at

Record = Dict[str, List[str]]  # name and status, by the file's name
JOB, PLATES = "farm", "plates"  # folders beside the node's EXRs


def job_folder(node: nuke.Group) -> Path:
    """The node's own folder for its farm jobs: another node may write its EXRs beside them."""
    view = prepare.wanted_views(node)[0]
    return Path(output.sequence(node).path(1, view)).parent / JOB / shot_name(node)


def shot_name(node: nuke.Group) -> str:
    """What the node's shot and its folders are called: no other node of the script is so."""
    return node.fullName().replace(".", "_")


def plates_of(node: nuke.Group, to: str = "") -> Path:
    """Where the node's plates are rendered: in a folder for several nodes, else in its own job."""
    return Path(os.path.abspath(to)) / shot_name(node) if to else job_folder(node) / PLATES


def record_of(
    node: nuke.Group, frames: Mapping[str, Sequence[Frame]], states: FileStates
) -> Record:
    """What rendered plates are made from, by the name of each one's file.

    ``frames``: as a job of the node names their plates, by view. ``states``: the files behind them.
    """
    return {
        _file_of(node, plate.role, view, frame.number): [plate.path, states.status(plate)]
        for view, several in frames.items()
        for frame in several
        for plate in frame.plates
    }


class FarmResults:
    """The results of a node that a farm solved. ``space``: the job's colour space."""

    def __init__(self, node: nuke.Group, sources: Sources, space: str) -> None:
        self._node, self._sources, self._space = node, sources, space
        self._files = FileStates()

    def status(
        self,
        path: str,
        number: int,
        view: str,
        wanted: Sequence[Settings],
        windows: prepare.Windows,
        on_disk: FileStates,
    ) -> FrameStatus:
        """What the EXR ``path``, which is there, is for a frame; arguments as of frame_status."""
        recorded = recorded_plates(path)

        def frame(other: int) -> Frame:
            """The farm's plates of a frame; one that is not the node's any more has no path."""
            named = self._sources.frame(other, view, self._space)
            plates = []
            for plate in named.plates:
                text = recorded.get(plate.role, "")
                file = self._same_file(plate, text, number, other, view, on_disk)
                plates.append(replace(plate, path=file))
            return Frame(other, tuple(plates))

        def window_of(settings: Settings) -> List[Frame]:
            return [frame(other) for other in windows.under(settings, number)]

        return frame_status(path, frame(number), wanted, window_of, self._files)

    def _same_file(
        self, plate: Plate, recorded: str, own: int, other: int, view: str, on_disk: FileStates
    ) -> str:
        """The file of frame ``other``, where ``recorded`` is that of frame ``own``; "" for none."""
        direct = self._sources.direct(plate.role, own, view)
        if direct and _is_same(direct, recorded):
            return os.path.abspath(self._sources.direct(plate.role, other, view))
        folder, name = os.path.split(recorded)
        if name != _file_of(self._node, plate.role, view, own):
            return ""
        file = _file_of(self._node, plate.role, view, other)
        now = [plate.path, on_disk.status(plate)]
        return os.path.join(folder, file) if read_plate_record(recorded).get(file) == now else ""


def _file_of(node: nuke.Group, role: Role, view: str, number: int) -> str:
    return os.path.basename(plate_path("", role, view, number_at(node, role, number)))


def _is_same(one: str, other: str) -> bool:
    return os.path.normcase(os.path.abspath(one)) == os.path.normcase(os.path.abspath(other))
