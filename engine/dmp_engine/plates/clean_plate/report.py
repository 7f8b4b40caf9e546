"""What the fit of a clean plate did, in numbers an artist knows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .exposure import Light
from .registration import Motion


@dataclass(frozen=True)
class Report:
    """What was done, in numbers an artist knows; the clean plate moved by ``shift`` pixels."""

    align: str = "none"  # none, translation, rotation, homography, flow
    shift: tuple[float, float] = (0.0, 0.0)  # right and down, at the frame's centre
    largest_shift: float = 0.0  # pixels, anywhere in the frame
    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    slow_light: tuple[float, float] = (1.0, 1.0)  # least and most of the slow part
    residual: float = 0.0  # RMS on the background, encoded units
    residual_before: float = 0.0
    filled: float = 0.0  # share of the frame without a clean plate
    jpeg: int = 0  # quality; 0 without compression
    focus: float = 0.0  # sigma in pixels by which it was blurred; below 0: sharpened

    @property
    def touched(self) -> bool:
        """Whether the clean plate is another than it was."""
        return self != Report(residual=self.residual, residual_before=self.residual_before)

    def sentence(self) -> str:
        """For the artist; empty where nothing was done."""
        done = []
        if self.align != "none":
            x, y = self.shift
            done.append(f"moved by {x:+.1f}, {y:+.1f} px ({self.align})")
        if self.gain != (1.0, 1.0, 1.0) or self.offset != (0.0, 0.0, 0.0):
            done.append("gain " + " ".join(f"{g:.3f}" for g in self.gain))
        if self.slow_light != (1.0, 1.0):
            done.append("slow light {:.2f} to {:.2f}".format(*self.slow_light))
        if self.focus:
            how = "blurred" if self.focus > 0 else "sharpened"
            done.append(f"{how} by {abs(self.focus):.1f} px")
        if self.filled and not done:
            done.append(f"{100 * self.filled:.1f} % of the frame completed")
        sentences = []
        if done:
            sentences.append(
                f"The clean plate was fitted: {', '.join(done)}; difference on the background "
                f"{100 * self.residual_before:.1f} % before, {100 * self.residual:.1f} % after."
            )
        if self.jpeg:
            sentences.append(
                f"The plate is a JPEG of quality {self.jpeg}: what compression did around the "
                "subject was kept out of alpha; an uncompressed plate gives finer hair."
            )
        return " ".join(sentences)


def report_of(
    shape: tuple[int, ...],
    motion: Motion | None,
    light: Light | None,
    now: float,
    was: float,
    missing: float,
) -> Report:
    report = Report(residual=round(now, 5), residual_before=round(was, 5))
    report = replace(report, filled=round(missing, 5))
    if motion is not None:
        height, width = shape[:2]
        across, down = motion.places(height, width)
        x = across - np.arange(width, dtype=np.float32)
        y = down - np.arange(height, dtype=np.float32)[:, None]
        middle = (height // 2, width // 2)
        # The clean plate is moved by the opposite of where it is looked up.
        report = replace(
            report,
            align=motion.kind,
            shift=(round(-float(x[middle]), 3), round(-float(y[middle]), 3)),
            largest_shift=round(float(np.hypot(x, y).max()), 3),
        )
    if light is not None:
        gain, offset = ([round(float(v), 5) for v in x] for x in (light.gain, light.offset))
        report = replace(
            report,
            gain=(gain[0], gain[1], gain[2]),
            offset=(offset[0], offset[1], offset[2]),
        )
        if light.slow is not None:
            field = light.field(64, 64)
            least, most = float(field.min()), float(field.max())
            report = replace(report, slow_light=(round(least, 4), round(most, 4)))
    return report
