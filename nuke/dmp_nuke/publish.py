"""DMP Matte > Publish...: the facility's pyblish window where there is one, else without a window.

Plates that are no files are rendered before, one frame after the other, with Nuke free between two.
Without a window the publish then runs in the engine's Python (dmp_matting.BackgroundPublish).
At the end there is one message: what failed, with the repair that can be had at once, or where
it was published.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, Dict, List, Mapping, Optional, Tuple, Union

import nuke

from dmp_matting.hosts import (
    BackgroundPublish,
    CancelledError,
    DmpError,
    InputError,
    PublishRequest,
    as_dmp_error,
    has_publish_window,
    open_publish_window,
)

from . import NAME, collect, results, steps
from .node import each_node
from .results import Severity
from .ticker import Ticker

TITLE = f"{NAME}: publish"
WAIT = (
    "The plates are being rendered, since the script has changed; refresh this window when the "
    "progress bar is gone."
)
RUNNING: List[Union[steps.Steps[PublishRequest], Publishing]] = []  # one or none


def press() -> None:
    """The menu's command. Whatever fails becomes one sentence."""
    try:
        if RUNNING:
            raise InputError("A publish is running; its progress bar has a Cancel.")
        if has_publish_window():
            _start(steps.run(TITLE, collect.collecting(), _open_window, _not_collected))
            return
        nodes = collect.chosen_nodes()
        choices = _show_dialog(nodes)
        if choices is not None:
            to, names, version = choices
            chosen = [node for node in nodes if names[node.fullName()]]
            working = collect.collecting(chosen, to, names, version)
            _start(steps.run(TITLE, working, lambda one: start(one, names), _not_collected))
    except Exception as error:
        collect.forget_plates()
        nuke.message(str(as_dmp_error(error)))


def _start(rendering: Optional[steps.Steps[PublishRequest]]) -> None:
    if rendering is not None:
        RUNNING[:] = [rendering]


def _open_window(_: PublishRequest) -> None:
    """The plates are rendered, in steps: the window's collectors take them."""
    RUNNING.clear()
    open_publish_window(collect_for_window)


def collect_for_window() -> PublishRequest:
    """What a pyblish window collects, each time that it is opened or refreshed. InputError.

    A collector has to answer at once: where something has changed since the plates were rendered,
    they are rendered again in steps, and the request has a sentence until that is done.
    """
    found: List[PublishRequest] = []

    def ended(request: PublishRequest) -> None:
        RUNNING.clear()
        found.append(request)

    rendering = steps.run(TITLE, collect.collecting(), ended, _not_collected)
    _start(rendering)
    return found[0] if rendering is None else PublishRequest((), trouble=(WAIT,))


def _not_collected(error: DmpError) -> None:
    RUNNING.clear()
    collect.forget_plates()
    if not isinstance(error, CancelledError):
        nuke.message(str(error))


def start(
    request: PublishRequest, names: Mapping[str, str], before: Optional[Mapping[str, str]] = None
) -> None:
    """Publish in the background. ``names``: the shots by their nodes; ``before``: what is done."""
    RUNNING[:] = [Publishing(request, names, before or {})]


def _show_dialog(nodes: List[nuke.Group]) -> Optional[Tuple[str, Dict[str, str], int]]:
    """Folder, names and version; None when the artist changes their mind. InputError."""
    panel = nuke.Panel(f"{NAME}: publish")
    panel.addFilenameSearch("Publish to", collect.default_folder())
    panel.addSingleLineInput("Version (0: the next one)", "0")
    labels = {}
    for name, shot in collect.default_names(nodes).items():
        labels[name] = f"Shot of {name} (empty: leave it out)"
        panel.addSingleLineInput(labels[name], shot)
    if not panel.show():
        return None
    names = {name: str(panel.value(label)).strip() for name, label in labels.items()}
    version = str(panel.value("Version (0: the next one)")).strip() or "0"
    if not version.isdigit():
        raise InputError(f"'{version}' is no version; give a number, or 0 for the next one.")
    folder = str(panel.value("Publish to")).replace("\\", "/").strip()
    return folder, names, int(version)


class Publishing:
    """A started publish. All of it happens on Nuke's main thread."""

    def __init__(
        self, request: PublishRequest, names: Mapping[str, str], before: Mapping[str, str]
    ) -> None:
        self._request, self._names, self._before = request, names, before
        self._bar: Optional[nuke.ProgressTask] = nuke.ProgressTask(TITLE)
        self._bar.setMessage("Starting.")
        self._cancelled = False
        self._task = BackgroundPublish(request)
        self._ticker = Ticker(self._tick, self._fail)

    def _fail(self, sentence: str) -> None:
        def report() -> None:
            RUNNING.clear()
            nuke.message(sentence)

        self._end(report)
        self._task.cancel()

    def _tick(self) -> None:
        if self._bar is not None and self._bar.isCancelled() and not self._cancelled:
            self._cancelled = True
            self._task.cancel()
        for status in self._task.poll():
            if self._bar is not None:
                self._bar.setMessage(status.text)
                self._bar.setProgress(int(100 * status.fraction))
        if self._task.done:
            self._end(self._show_report)

    def _end(self, afterwards: Callable[[], None]) -> None:
        self._ticker.stop(afterwards)
        self._bar = None  # takes the progress bar away

    def _show_report(self) -> None:
        """One message; the repairs that the artist confirms start it again."""
        RUNNING.clear()
        try:
            report = self._task.result()
        except DmpError as error:
            collect.forget_plates()
            if not isinstance(error, CancelledError):
                nuke.message(str(error))
            return
        again, repaired = report.left_of(self._request), False
        for failure in report.failures:
            for label in failure.repairs:
                if nuke.ask(f"{failure.sentence}\n\n{label}, and publish again?"):
                    again, repaired = again.repaired(failure.check, failure.shot, label), True
                    break
        published = {**self._before, **report.published}
        if repaired:
            start(again, self._names, published)
            return
        collect.forget_plates()
        self._mark(published, {one.shot: one.sentence for one in report.failures})
        nuke.message("\n".join(replace(report, published=published).sentences()))

    def _mark(self, published: Mapping[str, str], failed: Mapping[str, str]) -> None:
        """What became of a shot, on the node that it was made of."""
        for node in each_node():
            name = self._names.get(node.fullName(), "")
            if name in failed:
                results.show_status(node, failed[name], Severity.ERROR)
            elif name in published:
                results.show_status(node, f"Published {published[name]}.")
