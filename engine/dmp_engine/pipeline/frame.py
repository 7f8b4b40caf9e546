"""One frame's way through the engine: plates in, the solver, one multi-layer EXR out.

Files become tensors (pair.py), the solver runs (dmp/solve/), tensors become files.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import OpenImageIO as oiio
import torch
from torch import Tensor

from dmp_matting.atomic_write import atomic_write
from dmp_matting.errors import DeviceError, OutputError
from dmp_matting.frame_window import recorded_inputs
from dmp_matting.generators import mapped
from dmp_matting.job import Frame, Layers, Progress, Role, Stage
from dmp_matting.keep import OUTSIDE, Keep
from dmp_matting.settings import Settings

from ..dmp.evidence.known_background import nothing_in_common
from ..dmp.model.encoding import Encoding
from ..dmp.solve.edge_extension import extended
from ..dmp.steps import Solution, Step
from ..machine import device
from ..plates.clean_plate.pair_checks import is_of_older_frame
from ..plates.emission import premultiplied
from ..plates.exposure_unit import unit_notes
from ..plates.io import (
    Packing,
    PlateImage,
    apply_constraint,
    check_compression,
    check_output,
    layers_in,
    layers_size,
    undecided,
    write_layers,
)
from ..plates.regions import kept_pixels
from ..tensors import array_of, at_least, at_most, tensor_of
from ..version import engine_version
from .checkpoint import Checkpoint
from .memory_budget import fitted_to_memory, free_memory, free_unused, ran_out, smaller
from .pair import Pair, make_pair, needed_plate, read_plates, solve_pair
from .shot_frame import LookCache, solve_as_film, solve_in_window

PREVIEW_SIDE, PREVIEW_EVERY = 512, 1.0  # pixels, seconds
CHECKED_SIDE = 1024  # pixels of the long side; the checks of a pair need no more
UNSEEN_CONFIDENCE = np.float32(0.5)  # at most, where the clean plate is made up
OLDER_CLEAN = (
    "The clean plate was made of this frame before it was delivered again; build the clean plate "
    "anew."
)
DIFFERENT = 0.2  # encoded; drawn white in the first preview

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


def matte_frame(
    frame: Frame,
    settings: Settings,
    output: Path,
    *,
    preview: Path | None = None,
    checkpoint: Path | None = None,
    names: Mapping[str, str] | None = None,
    on_content: Callable[[str], None] | None = None,
    window: Sequence[Frame] = (),
    look_cache: LookCache | None = None,
    shrink: int = 0,
) -> Generator[Progress, None, Layers]:
    """Solve ``frame`` and write ``output``; yields Progress, returns Layers.

    ``preview`` is a PNG refreshed while it works (straight foreground and
    alpha), named by the Progress that follows a refresh. ``checkpoint`` keeps
    the state of an interrupted frame: found, the frame goes on from there.
    ``names`` are the artist's paths of plates that lie elsewhere, for the header.
    ``on_content`` is called with the digest of the plates' content (pixel_digest.py) before
    anything is solved. ``window`` are the frames it is solved with, itself among them
    (frame_window.py); ``look_cache`` holds what earlier frames have computed. ``shrink`` is by how
    many steps it is solved smaller than what is free allows: others were killed for want of memory.
    Closing the generator ends the work; ``output`` is written whole or not at
    all. Raises errors of :mod:`dmp_matting.errors` only.
    """
    clock = _Clock()
    where = device.resolve(settings.device)
    device.use_threads(settings.threads, where)
    try:
        yield Progress(frame.number, Stage.READ, 0, 1, 0.0)
        paths = [plate.path for plate in frame.plates]
        check_output(output, plates=paths)
        check_compression(settings.compression)
        stored = read_plates(frame)
        check_output(output, need=layers_size(stored.image, settings.depth), plates=paths)
        look_cache = look_cache or LookCache()
        content = stored.digest()
        plates = stored.in_unit(stored.common_unit())
        image, linear = plates.image, plates.linear
        if on_content is not None:
            on_content(content)
        yield Progress(frame.number, Stage.READ, 1, 1, 0.0)
        if preview is not None:  # before anything is fitted, so that there is something at once
            small_image, small_clean = (
                at_most(tensor_of(x.rgb, where), PREVIEW_SIDE) for x in (image, plates.clean)
            )
            _show(preview, _difference(small_image, small_clean, linear), small_image, linear)
            yield Progress(frame.number, Stage.INITIALISE, 0, 1, 0.0, preview=str(preview))
        # What acts after the solve has no part in the caches: another choice finds all there.
        solved_with = settings.solving()
        pair = make_pair(plates, solved_with, where, look_cache.stage_cache)
        fitted = pair.fitted
        warnings = pair.memo("warnings", lambda: _warnings(pair)) or fitted.warnings
        own = needed_plate(frame, Role.IMAGE).path
        if is_of_older_frame(stored.image, (names or {}).get(own, own), stored.clean):
            warnings = (OLDER_CLEAN, *warnings)
        if warnings:  # reported before minutes are spent
            yield Progress(frame.number, Stage.INITIALISE, 0, 1, 0.0, warnings=warnings)

        def solving(
            planned: Settings, start: dict[str, Any] | None
        ) -> Generator[Step, None, Solution]:
            if window:
                way = solve_as_film if settings.temporal == "paper" else solve_in_window
                return way(frame, pair, window, planned, where, look_cache)
            memo = look_cache.stage_cache.of(plates.digest_without_mattes(), planned, where)
            return solve_pair(pair, planned, memo, start)

        height, width = pair.image.shape[-2:]
        planned = fitted_to_memory(solved_with, height, width, free_memory(where), where)
        if planned != solved_with:  # the cache makes room first, and changes no result
            look_cache.stage_cache.clear()
            planned = fitted_to_memory(solved_with, height, width, free_memory(where), where)
        for _ in range(shrink):
            planned = smaller(planned, height, width) or planned
        while True:
            # A checkpoint would not know the neighbours.
            resumable = Checkpoint(None if window else checkpoint, planned, content)
            steps = solving(planned, resumable.state())
            try:
                solution = yield from _follow(
                    steps, frame.number, clock, linear, preview, resumable
                )
                break
            except (RuntimeError, MemoryError) as error:
                less = smaller(planned, height, width) if ran_out(error) else None
                if less is None:
                    raise
                planned = less
            look_cache.stage_cache.clear()
            free_unused(where)
        yield Progress(frame.number, Stage.WRITE, 0, 1, 1.0)
        constraint, size = plates.constraint(), pair.size
        alpha = apply_constraint(array_of(solution.alpha, size)[..., 0], constraint)
        notes = (*plates.image.notes, *plates.clean.notes, *unit_notes(pair.unit), *fitted.notes())
        if planned.recompositions != settings.recompositions:
            notes += ("Memory is short: solved without recompositions.",)
        if planned.solve_size != settings.solve_size:
            notes += (f"Memory is short: solved at {planned.solve_size} px, then upsampled.",)
        rejected = _rejected(alpha, image, settings, frame.number)
        if rejected is not None and rejected[alpha > 0].all() and (alpha > 0).any():
            warnings = (*warnings, _nothing_kept(settings.keep, frame.number))
            yield Progress(frame.number, Stage.WRITE, 0, 1, 1.0, warnings=warnings[-1:])
        # The settings of the job, so that a resumed shot recognises the frame.
        attributes = _attributes(frame, image, settings, warnings, names or {})
        attributes["dmp:clean_space"] = plates.clean.space
        attributes["dmp:inputs"] = recorded_inputs(frame, window)
        attributes.update(fitted.attributes())
        if planned != solved_with:
            attributes["dmp:solve_size"] = str(planned.solve_size)
        more = {"confidence": array_of(solution.confidence, size)[..., 0]}
        hidden = fitted.hidden()
        if hidden is not None:
            free = hidden if constraint is None else hidden & undecided(constraint)
            more["confidence"] = np.where(
                free, more["confidence"].clip(max=UNSEEN_CONFIDENCE), more["confidence"]
            )
        more.update(fitted.layers(settings, pair.unit))
        foreground = array_of(solution.foreground, size)
        carried = alpha[..., None] * foreground
        if solution.premultiplied is not None:
            carried = array_of(solution.premultiplied, size)
        if linear:
            known = array_of(solution.trimap, size)[..., 0] == 0
            out = None if constraint is None else constraint == 0
            carried = premultiplied(image.rgb, fitted.clean.rgb, alpha, carried, known, out)
        back = np.float32(1 / pair.unit)
        foreground, carried = foreground * back, carried * back
        if rejected is not None:
            alpha, foreground, carried = _without(rejected, alpha, foreground, carried)
            if "shadow" in more:
                more["shadow"] = np.where(rejected[..., None], np.float32(1), more["shadow"])
        if needed_plate(frame, Role.IMAGE).keeps_space:
            foreground, carried = layers_in(image.space, alpha, foreground, carried)
        channels = write_layers(
            output, image, alpha, foreground, attributes, more, carried,
            Packing.of(settings, crop=settings.autocrop and "clean" not in more),
        )  # fmt: skip
    except (RuntimeError, MemoryError) as error:
        if not ran_out(error):
            raise
        raise DeviceError(
            f"Memory ran out on '{needed_plate(frame, Role.IMAGE).path}'; close other programs, or "
            "set a smaller solve size."
        ) from None
    if checkpoint is not None:
        with suppress(OSError):  # the frame is written all the same
            checkpoint.unlink(missing_ok=True)
    clock.enter(None)
    yield Progress(frame.number, Stage.WRITE, 1, 1, 1.0, eta=0.0)
    height, width = image.rgb.shape[:2]
    return Layers(
        frame.number,
        str(output),
        channels,
        width,
        height,
        where,
        clock.seconds(),
        warnings,
        planned.with_output_of(settings),
        notes,
    )


def _rejected(alpha: Floats, image: PlateImage, settings: Settings, number: int) -> Mask | None:
    """Where Settings.keep takes the matte away, (H, W); None where it keeps all of it."""
    keep = Keep.parse(settings.keep)
    if keep.is_all:
        return None
    spec = image.spec
    return ~kept_pixels(alpha, keep, number, (spec.x - spec.full_x, spec.y - spec.full_y))


def _nothing_kept(text: str, number: int) -> str:
    keep = Keep.parse(text)
    numbers = keep.numbers(number)
    if numbers == OUTSIDE:
        return "The subject that 'keep' follows is not in the frame: alpha is 0 everywhere."
    place = f"{Keep(keep.kind, ((number, numbers),)).text()} from the upper left corner"
    return f"Nothing of the matte is where 'keep' points ({place}): alpha is 0 everywhere."


def _without(
    rejected: Mask, alpha: Floats, foreground: Floats, carried: Floats
) -> tuple[Floats, Floats, Floats]:
    """The layers without what is rejected: no alpha, no light, and the kept colours continued."""
    alpha = np.where(rejected, np.float32(0), alpha)
    carried = np.where(rejected[..., None], np.float32(0), carried)
    colours, weight = tensor_of(foreground, "cpu")[0], torch.from_numpy(np.square(alpha))
    continued = extended(colours, weight).permute(1, 2, 0).numpy()
    return alpha, np.where(rejected[..., None], continued, foreground), carried


class _Clock:
    """Seconds spent in each stage."""

    def __init__(self) -> None:
        self._begun = self._since = time.monotonic()
        self._stage: Stage | None = Stage.READ
        self._spent: dict[str, float] = {}

    def enter(self, stage: Stage | None) -> None:
        now = time.monotonic()
        if self._stage is not None:
            key = self._stage.value
            self._spent[key] = self._spent.get(key, 0.0) + now - self._since
        self._stage, self._since = stage, now

    def eta(self, fraction: float) -> float | None:
        """Seconds left, if the rest goes on as the part since the first step has."""
        gone = time.monotonic() - self._begun
        return gone * (1 - fraction) / fraction if fraction > 0.02 else None

    def seconds(self) -> dict[str, float]:
        return {
            **{name: round(spent, 3) for name, spent in self._spent.items()},
            "total": round(time.monotonic() - self._begun, 3),
        }


def _warnings(pair: Pair) -> tuple[str, ...]:
    """Why the matte of this pair cannot be good, for the artist."""
    height, width = pair.size
    image, clean = (x[..., :height, :width] for x in (pair.image, pair.clean))
    if torch.equal(image, clean):
        return (
            "The plate and the clean plate are the same picture: alpha is empty. "
            "Check that the plate shows the subject.",
        )
    image, clean = (at_most(x, CHECKED_SIDE) for x in (image, clean))
    encode = Encoding.of_pair(image, clean, pair.linear).encode
    I_enc, B_enc = at_least([encode(image), encode(clean)], 8)[0]
    if nothing_in_common(I_enc, B_enc):
        return (
            "The clean plate has nothing in common with the plate: alpha is 1 everywhere. "
            "This looks like the target background or another take.",
        )
    return ()


def _follow(
    solving: Generator[Step, None, Solution],
    number: int,
    clock: _Clock,
    linear: bool,
    preview: Path | None,
    checkpoint: Checkpoint,
) -> Generator[Progress, None, Solution]:
    """The solver's steps as Progress, with previews and checkpoints at their times."""
    shown = -PREVIEW_EVERY

    def progress(step: Step) -> Progress:
        nonlocal shown
        clock.enter(step.stage)
        now, picture = time.monotonic(), None
        if preview is not None and step.layers and now - shown >= PREVIEW_EVERY:
            _show(preview, *step.layers(), linear)
            picture, shown = str(preview), time.monotonic()
        checkpoint.follow(step)
        return Progress(
            number,
            step.stage,
            step.step,
            step.steps,
            step.fraction,
            step.loss,
            clock.eta(step.fraction),
            picture,
        )

    solution = yield from mapped(solving, progress)
    clock.enter(Stage.WRITE)
    return solution


# --- what is written beside the layers ---------------------------------------------------------


def _attributes(
    frame: Frame,
    image: PlateImage,
    settings: Settings,
    warnings: tuple[str, ...],
    names: Mapping[str, str],
) -> dict[str, str]:
    attributes = {
        "dmp:version": engine_version(),
        "dmp:settings": json.dumps(settings.to_json(), sort_keys=True),
        "dmp:space": image.space,
    }
    for plate in frame.plates:
        attributes[f"dmp:{plate.role.value}"] = names.get(plate.path, plate.path)
        if plate.role is Role.IMAGE and plate.layer:
            attributes["dmp:layer"] = plate.layer
    if warnings:
        attributes["dmp:warnings"] = "\n".join(warnings)
    return attributes


def _difference(image: Tensor, clean: Tensor, linear: bool) -> Tensor:
    """(1, 1, H, W) in [0, 1]: where the plates differ, shown until there is an alpha."""
    encode = Encoding(linear, 0.0, 1.0).encode
    return ((encode(image) - encode(clean)).abs().amax(1, keepdim=True) / DIFFERENT).clamp(0, 1)


def _show(path: Path, alpha: Tensor, foreground: Tensor, linear: bool) -> None:
    """A PNG no larger than PREVIEW_SIDE: straight foreground as displayed, and alpha."""
    alpha, foreground = (at_most(x, PREVIEW_SIDE) for x in (alpha, foreground))
    display = Encoding(linear, 0.0, 1.0).encode(foreground)
    picture = torch.cat([display, alpha], 1).clamp(0, 1)[0].permute(1, 2, 0)
    pixels = (picture * 255).round().byte().contiguous().cpu().numpy()
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], 4, "uint8")
    spec.attribute("oiio:UnassociatedAlpha", 1)
    refused = OutputError(f"The preview '{path}' cannot be written; check the cache folder's disk.")
    with atomic_write(path) as temporary:
        file = oiio.ImageOutput.create("png")
        if file is None or not file.open(str(temporary), spec):
            raise refused
        try:
            written = file.write_image(pixels)
        finally:
            written = file.close() and written
        if not written:
            raise refused
