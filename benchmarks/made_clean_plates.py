"""Hard clean plates: painted out of the plate, compressed as a movie, a floor that mirrors.

    python benchmarks/made_clean_plates.py --data DATA [--items GT01,GT09] [--kinds painted]
        [--size 320] [-o benchmarks/results/made_clean_plates_s320.json]

Every pair of the composite benchmark (engine/dmp_engine/evaluation/benchmark.py), in one way at a
time, solved as stored with `draft`, 1 thread, beside the plate variant of closed-form matting.

    still        nothing
    painted      the clean plate is the plate, inpainted (Telea) where alpha > 0.01 and 6 px around
    h264-N       both encoded by x264, 4:2:0, crf N, three equal frames, the last one read
    reflection   below the frame a floor that mirrors 30 % of the subject, blurred by 1.5 px

``wrong``: share of the pixels whose alpha errs by more than 0.2. ``sure``: share of these with a
confidence above 0.9. The confidence is as in the EXR: 0.5 at most where the clean plate is made up.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "plugin"), str(ROOT / "engine")]

from dmp_engine.evaluation import benchmark, peers  # noqa: E402
from dmp_engine.evaluation.items import Item  # noqa: E402
from dmp_engine.pipeline.frame import UNSEEN_CONFIDENCE  # noqa: E402
from dmp_engine.pipeline.pair import make_pair, solve_pair  # noqa: E402
from dmp_engine.pipeline.stage_cache import StageCache  # noqa: E402
from dmp_engine.tensors import array_of  # noqa: E402
from dmp_matting.generators import finish  # noqa: E402
from dmp_matting.presets import preset  # noqa: E402

Array = NDArray[np.float64]
Made = tuple[Array, Array, Array]  # plate, clean plate, alpha


def painted(pair: benchmark.Pair) -> Made:
    mask = cv2.dilate((pair.alpha > 0.01).astype(np.uint8), np.ones((13, 13), np.uint8))
    codes = (pair.image * 255).round().astype(np.uint8)
    return pair.image, cv2.inpaint(codes, mask, 5, cv2.INPAINT_TELEA) / 255, pair.alpha


def h264(picture: Array, crf: int) -> Array:
    file = io.BytesIO()
    codes = (picture * 255).round().astype(np.uint8)
    with av.open(file, "w", format="mp4") as movie:
        stream = movie.add_stream("libx264", rate=24, options={"crf": str(crf)})
        stream.height, stream.width, stream.pix_fmt = *codes.shape[:2], "yuv420p"
        frame = av.VideoFrame.from_ndarray(codes, format="rgb24")
        for _ in range(3):
            movie.mux(stream.encode(frame.reformat(format="yuv420p", dst_colorspace="ITU709")))
        movie.mux(stream.encode())
    file.seek(0)
    with av.open(file) as movie:
        last = list(movie.decode(video=0))[-1]
    read: Array = last.reformat(format="rgb24", src_colorspace="ITU709").to_ndarray() / 255
    return read


def reflection(pair: benchmark.Pair) -> Made:
    height, width = pair.alpha.shape
    more = height // 4 // 8 * 8
    clean = cv2.resize(pair.clean, (width, height + more), interpolation=cv2.INTER_AREA)
    clean = np.round(clean * 255) / 255
    none = np.zeros((more, width))
    alpha = np.vstack([pair.alpha, none])
    colours = np.vstack([pair.foreground, pair.foreground[::-1][:more]])
    mirrored = np.vstack([np.zeros_like(pair.alpha), pair.alpha[::-1][:more]])
    share = 0.3 * cv2.GaussianBlur(mirrored, (0, 0), 1.5)[..., None]
    floor = (1 - share) * clean + share * colours
    image = alpha[..., None] * colours + (1 - alpha[..., None]) * floor
    return np.round(image * 255) / 255, clean, alpha


KINDS: dict[str, Callable[[benchmark.Pair], Made]] = {
    "still": lambda pair: (pair.image, pair.clean, pair.alpha),
    "painted": painted,
    "h264-18": lambda pair: (h264(pair.image, 18), h264(pair.clean, 18), pair.alpha),
    "h264-23": lambda pair: (h264(pair.image, 23), h264(pair.clean, 23), pair.alpha),
    "reflection": reflection,
}


def measured(name: str, made: Made) -> dict[str, float]:
    image, clean, alpha = made
    settings = preset("draft").changed(device="cpu", threads=1)
    item = Item(name, image, clean, alpha)
    plates = item.plates()
    pair = make_pair(plates.in_unit(plates.common_unit()), settings, "cpu", StageCache())
    solution = finish(solve_pair(pair, settings, pair.memo))
    error = np.abs(array_of(solution.alpha, pair.size)[..., 0] - alpha)
    confidence = array_of(solution.confidence, pair.size)[..., 0]
    hidden = pair.fitted.hidden()
    if hidden is not None:
        confidence = np.where(hidden, confidence.clip(max=UNSEEN_CONFIDENCE), confidence)
    wrong = error > 0.2
    peer = peers.methods({})["plate"].run(item).alpha
    return {
        "dmp": round(float(error.sum() / 1000), 4),
        "peer": round(float(np.abs(peer - alpha).sum() / 1000), 4),
        "wrong": round(float(wrong.mean()), 5),
        "sure": round(float((wrong & (confidence > 0.9)).sum() / max(1, wrong.sum())), 4),
        "warned": float(bool(pair.fitted.warnings)),
        "confidence of wrong": round(float(confidence[wrong].mean()) if wrong.any() else 1.0, 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--items", default="")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("-o", "--output", type=Path)
    chosen = parser.parse_args()
    found: dict[str, dict[str, dict[str, float]]] = {}
    for name in chosen.items.split(",") if chosen.items else benchmark.names(chosen.data):
        pair = benchmark.composite(chosen.data, name, chosen.size)
        for kind in chosen.kinds.split(","):
            found.setdefault(kind, {})[name] = measured(name, KINDS[kind](pair))
            print(name, kind, found[kind][name], flush=True)
        if chosen.output:
            chosen.output.write_text(json.dumps(found, indent=1) + "\n")
    for kind, rows in found.items():
        means = {key: np.mean([row[key] for row in rows.values()]) for key in rows[name]}
        print(kind, {key: round(float(value), 4) for key, value in means.items()})


if __name__ == "__main__":
    main()
