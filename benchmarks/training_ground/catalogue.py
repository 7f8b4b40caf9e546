"""The subjects: a number, which decides the half, a name, a backdrop, and where the close-up is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import feathers
import fur
import glass
import hair
import nets
import plants
import smoke
import things


@dataclass(frozen=True)
class Subject:
    name: str  # two digits first: the seed, and the half
    backdrop: str
    build: Callable[[int], list[Any]]
    close: tuple[float, float]  # middle of the close-up, (x, z)
    samples: int = 32  # a pixel


CATALOGUE = (
    Subject("01-hair-short", "bricks", hair.short, (-0.3, 0.5)),
    Subject("02-hair-long", "room", hair.long, (0.5, -0.3)),
    Subject("03-hair-curly", "sky", hair.curly, (-0.6, 0.3)),
    Subject("04-hair-blown", "lights", hair.blown, (0.75, 0.3)),
    Subject("05-hair-dark-on-dark", "curtain", lambda s: hair.long(s, "black"), (-0.5, -0.1)),
    Subject("06-hair-grey-on-grey", "wall", lambda s: hair.blown(s, "grey"), (0.95, 0.25)),
    Subject("07-hair-frizzy", "foliage", hair.frizzy, (0.5, 0.5)),
    Subject("08-hair-white", "cloth", lambda s: hair.curly(s, "white"), (0.55, 0.4)),
    Subject("09-fur", "foliage", fur.fox, (-0.5, 0.4)),
    Subject("10-fur-wet", "bricks", fur.wet, (0.55, -0.2)),
    Subject("11-fur-dark-on-dark", "curtain", fur.panther, (0.45, 0.45)),
    Subject("12-fur-white", "sky", fur.white, (-0.55, -0.1)),
    Subject("13-feathers", "room", feathers.wing, (-0.6, 0.25)),
    Subject("14-down", "curtain", feathers.down, (0.3, 0.2)),
    Subject("15-feathers-black", "cloth", feathers.raven, (0.55, 0.25)),
    Subject("16-leaves", "sky", plants.branch, (0.1, 0.1)),
    Subject("17-leaves-green-on-green", "foliage", plants.pale_branch, (0.2, 0.1)),
    Subject("18-fern", "bricks", plants.fern, (0.5, 0.2)),
    Subject("19-grass", "lights", plants.grass, (0.1, -0.1)),
    Subject("20-dandelion", "foliage", plants.dandelion, (0.35, 0.45)),
    Subject("21-fence", "foliage", nets.fence, (0.4, 0.3)),
    Subject("22-veil", "room", nets.veil, (0.5, -0.5)),
    Subject("23-wheel", "wall", nets.wheel, (0.55, 0.4)),
    Subject("24-web", "bricks", nets.web, (0.3, 0.2)),
    Subject("25-rope", "wall", nets.rope, (0.1, -0.5)),
    Subject("26-goblet", "room", glass.goblet, (0.25, 0.1), 64),
    Subject("27-bottles", "lights", glass.bottles, (-0.35, 0.2), 64),
    Subject("28-bubbles", "foliage", glass.bubbles, (0.2, 0.1), 64),
    Subject("29-smoke", "bricks", smoke.white, (0.2, 0.2), 16),
    Subject("30-smoke-dark", "sky", smoke.black, (0.2, 0.2), 16),
    Subject("31-fire", "curtain", smoke.fire, (0.2, 0.2), 16),
    Subject("32-fur-moving", "room", things.thrown, (0.5, 0.2), 64),
    Subject("33-hair-moving", "bricks", things.tossed, (-0.95, 0.25), 64),
    Subject("34-propeller", "sky", things.propeller, (0.4, 0.4), 64),
    Subject("35-hair-out-of-focus", "lights", things.blurred_hair, (-0.5, 0.4), 64),
    Subject("36-leaves-out-of-focus", "room", things.blurred_branch, (0.2, 0.1), 64),
    Subject("37-fence-out-of-focus", "foliage", things.blurred_fence, (0.4, 0.3), 64),
    Subject("38-mug-grey-on-grey", "wall", things.mug, (0.55, 0.2)),
)
