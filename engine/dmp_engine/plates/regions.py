"""Which subject: the regions of a matte, and those of them that are kept (Settings.keep).

A region is what hangs together where alpha is high. Its soft edge, its loose hair and specks belong
to it: every other pixel goes to the region that it is connected with, or else to the nearest.
So the plane is divided between the regions, and what is kept loses nothing of its edge.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from dmp_matting.keep import ALL, AT, LARGEST, Keep

Alpha = npt.NDArray[np.float32]  # (H, W), [0, 1]
Mask = npt.NDArray[np.bool_]  # (H, W)
Labels = npt.NDArray[np.int32]  # (H, W), 0: no region, or not known yet

SOLID = 0.5  # alpha from which pixels hang together as one region
THERE = 1 / 255  # alpha from which a pixel belongs to the matte
MINOR = 0.05  # of the largest region's alpha; what is smaller joins a region that is near
REACH = 0.02  # of the long side: how near, for a small region, and for a point beside the matte
LEAST_REACH = 4.0  # pixels
INSIDE = 0.5  # of a region's alpha; with more in the box it is kept


def kept_pixels(alpha: Alpha, keep: Keep, frame: int, origin: tuple[int, int]) -> Mask:
    """Where alpha is kept, True, and where it is to be 0, over (H, W).

    ``origin``: x and y of the first pixel of ``alpha`` in the plate's display window. Where nothing
    is at the points or in the box, all is False.
    """
    if keep.kind == ALL or not (alpha >= THERE).any():
        return np.ones(alpha.shape, bool)
    owners, count = regions(alpha)
    wanted = np.zeros(count + 1, bool)
    wanted[chosen_regions(alpha, owners, count, keep, frame, origin)] = True
    return wanted[owners]


def regions(alpha: Alpha) -> tuple[Labels, int]:
    """The region of every pixel, 1 to count, the nearest one outside of the matte; and count."""
    there = alpha >= THERE
    level = np.float32(min(SOLID, float(alpha.max()) / 2))
    seeds = _connected(alpha >= level)
    parts = _connected(there)  # what hangs together down to the faintest alpha
    seeds = _with_faint(alpha, seeds, parts)
    seeds, count = _joined(alpha, seeds, parts)
    owners, _ = _nearest(seeds)
    # A part with one region alone is that region's, even where another region is nearer.
    of_part = np.zeros((2, int(parts.max()) + 1), np.int32)  # lowest and highest region of each
    of_part[0] = count + 1
    seeded = seeds > 0
    np.minimum.at(of_part[0], parts[seeded], seeds[seeded])
    np.maximum.at(of_part[1], parts[seeded], seeds[seeded])
    alone = np.where(of_part[0] == of_part[1], of_part[0], 0)
    alone[0] = 0
    sole = alone[parts]
    return np.where(sole > 0, sole, owners), count


def _with_faint(alpha: Alpha, seeds: Labels, parts: Labels) -> Labels:
    """``seeds`` with a further one for each large part that is faint everywhere, such as smoke."""
    total = np.bincount(parts.ravel(), alpha.ravel())
    seeded = np.zeros(len(total), bool)
    seeded[parts[seeds > 0]] = True
    total[0] = 0
    faint = ~seeded & (total >= MINOR * total.max())
    faint[0] = False
    if not faint.any():
        return seeds
    numbers = np.zeros(len(total), np.int32)
    numbers[faint] = int(seeds.max()) + 1 + np.arange(int(faint.sum()))
    further = numbers[parts]
    return np.where(further > 0, further, seeds)


def _joined(alpha: Alpha, seeds: Labels, parts: Labels) -> tuple[Labels, int]:
    """``seeds`` with small ones joined to the large ones that they hang on to, and their number."""
    total = np.bincount(seeds.ravel(), alpha.ravel())
    total[0] = 0
    large = total >= MINOR * total.max()
    large[0] = False
    owners, distance = _nearest(np.where(large[seeds], seeds, 0))
    reach = max(LEAST_REACH, REACH * max(alpha.shape))
    of_part = np.zeros(int(parts.max()) + 1, bool)  # parts that have a large region
    of_part[parts[large[seeds]]] = True
    small = (seeds > 0) & ~large[seeds]
    near = small & (of_part[parts] | (distance <= reach))
    new = np.arange(len(total), dtype=np.int32)
    # Of the pixels of a small region the nearest to a large one decides.
    places = np.flatnonzero(near)
    places = places[np.argsort(-distance.ravel()[places], kind="stable")]
    new[seeds.ravel()[places]] = owners.ravel()[places]
    found = np.unique(new[1:])
    in_order = np.zeros(len(new), np.int32)
    in_order[found] = 1 + np.arange(len(found))
    return in_order[new][seeds], len(found)


def chosen_regions(
    alpha: Alpha, owners: Labels, count: int, keep: Keep, frame: int, origin: tuple[int, int]
) -> list[int]:
    """The numbers of the regions that are kept, as :func:`kept_pixels` takes them."""
    height, width = alpha.shape
    total = np.bincount(owners.ravel(), alpha.ravel(), count + 1)
    if keep.kind == LARGEST:
        return [int(total.argmax())]
    numbers = np.array(keep.numbers(frame)).reshape(-1, 2) - origin
    if keep.kind == AT:
        points = (_at(alpha, owners, x, y) for x, y in numbers)
        return [region for region in points if region]
    (left, top), (right, bottom) = (
        (np.clip(np.round(corner), 0, (width, height))).astype(int)
        for corner in (numbers.min(axis=0), numbers.max(axis=0))
    )
    box = np.s_[top:bottom, left:right]
    inside = np.bincount(owners[box].ravel(), alpha[box].ravel(), count + 1)
    if inside.max() < THERE:
        return []
    found = np.flatnonzero((inside > INSIDE * total) & (inside > 0))
    return [int(one) for one in found] or [int(inside.argmax())]


def _at(alpha: Alpha, owners: Labels, x: float, y: float) -> int:
    """The region at a point, or near it; 0 where there is none."""
    height, width = alpha.shape
    reach = max(LEAST_REACH, REACH * max(alpha.shape))
    left, right = (int(np.clip(x + step, 0, width)) for step in (-reach, reach + 2))
    top, bottom = (int(np.clip(y + step, 0, height)) for step in (-reach, reach + 2))
    around = alpha[top:bottom, left:right]
    rows, columns = np.nonzero(around >= THERE)
    if not rows.size:
        return 0
    away = np.hypot(rows + top - np.floor(y), columns + left - np.floor(x))
    nearest = int(away.argmin())
    if away[nearest] > reach:
        return 0
    return int(owners[rows[nearest] + top, columns[nearest] + left])


def _connected(mask: Mask) -> Labels:
    return np.asarray(cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[1], np.int32)


def _nearest(seeds: Labels) -> tuple[Labels, Alpha]:
    """The nearest seed of every pixel, and how far it is."""
    distance, pixel = cv2.distanceTransformWithLabels(
        (seeds == 0).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    of_pixel = np.zeros(int(pixel.max()) + 1, np.int32)
    seeded = seeds > 0
    of_pixel[pixel[seeded]] = seeds[seeded]
    return of_pixel[pixel], np.asarray(distance, np.float32)
