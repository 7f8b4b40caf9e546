"""A shot without a clean plate: `dmp cleanplate`, and `--clean auto`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from dmp_matting.client.connection import Connection

from ..scenes import blocks, disc_over, write_image
from .conftest import dmp, events, pixels

QUICK = ["--preset", "draft", "--device", "cpu", "--set", "threads=1", "--no-check"]
SEEN, PACED = range(-16, 125, 20), (38, 44, 50, 56, 50, 44)  # where the disc is


class Walk:
    """A disc that moves before a wall, with its answer, and no clean plate."""

    def __init__(self, folder: Path, places: object) -> None:
        self.folder = folder
        (folder / "in").mkdir()
        random = np.random.default_rng(list(str(folder).encode()))
        self.wall = 0.1 + 0.7 * blocks(random, 8, 12, 8)[:64, :96]
        self.scenes = [disc_over(self.wall, (x, 34), 15, 4) for x in places]  # type: ignore[attr-defined]
        for number, one in enumerate(self.scenes):
            grain = random.normal(0, 0.003, one.plate.shape)
            write_image(folder / "in" / f"p.{1001 + number}.exr", one.plate + grain)
        self.pattern = folder / "in" / "p.####.exr"

    def error(self, result: Path, number: int) -> float:
        """SAD / 1000 of alpha."""
        alpha = pixels(result)[..., 3].astype(np.float32)
        return float(np.abs(alpha - self.scenes[number - 1001].alpha).sum() / 1000)


def with_map(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Colours (H, W, 3), and where they are made up."""
    image = oiio.ImageBuf(str(path))
    assert image.spec().channelnames == ("R", "G", "B", "unseen.A")
    read = image.get_pixels("float")
    return read[..., :3], read[..., 3] > 0.5


def test_the_matte_is_that_of_the_true_clean_plate(engine: Connection, tmp_path: Path) -> None:
    walk = Walk(tmp_path, SEEN)
    true = write_image(tmp_path / "true.exr", walk.wall)
    wanted = ["matte", walk.pattern, "--clean", "auto", "-o", tmp_path / "m.####.exr",
              "--frames", "1004", *QUICK]  # fmt: skip
    done = dmp(*wanted)
    assert done.returncode == 0, done.stderr
    assert f"{tmp_path / 'm.clean.exr'} was made of {len(SEEN)} frames" in done.stderr
    colours, unseen = with_map(tmp_path / "m.clean.exr")
    assert unseen.mean() < 0.02
    assert np.abs(colours - walk.wall)[~unseen].mean() < 0.002
    assert dmp("matte", walk.folder / "in" / "p.1004.exr", "--clean", true,
               "-o", tmp_path / "t.exr", *QUICK).returncode == 0  # fmt: skip
    own, best = (walk.error(tmp_path / name, 1004) for name in ("m.1004.exr", "t.exr"))
    assert own < 1.2 * best + 0.005
    # It is made once, and again when a frame is another.
    before = (tmp_path / "m.clean.exr").stat().st_ino
    assert events(dmp(*wanted, "--json"))[0]["finished"] == [1004]
    assert (tmp_path / "m.clean.exr").stat().st_ino == before
    write_image(walk.folder / "in" / "p.1001.exr", walk.wall)
    assert events(dmp(*wanted, "--json"))[0]["finished"] == []
    assert (tmp_path / "m.clean.exr").stat().st_ino != before


def test_what_no_frame_shows_is_no_evidence(engine: Connection, tmp_path: Path) -> None:
    """A subject that paces: its core is opaque, and the artist reads where that is a guess."""
    walk = Walk(tmp_path, PACED)
    rows = [{"name": "a", "image": "in/p.####.exr", "clean": "auto", "frames": "1001",
             "output": "m.####.exr"}]  # fmt: skip
    (tmp_path / "shots.json").write_text(json.dumps(rows))
    done = dmp("batch", tmp_path / "shots.json", *QUICK, "--set", "clean_layer=true")
    assert done.returncode == 0, done.stderr
    assert "alpha is a guess there" in done.stderr, "a warning, since it may be wrong"
    _, unseen = with_map(tmp_path / "m.clean.exr")
    always = disc_over(walk.wall, (47, 34), 4, 1).alpha > 0.5
    assert unseen[always].all() and 0.01 < unseen.mean() < 0.35
    image = oiio.ImageBuf(str(tmp_path / "m.1001.exr"))
    read, names = image.get_pixels("float"), image.spec().channelnames
    alpha, confidence = (read[..., names.index(name)] for name in ("A", "confidence.A"))
    assert alpha[always].mean() > 0.95
    assert confidence[unseen].max() <= 0.5 < confidence[~unseen].mean()
    assert np.array_equal(read[..., names.index("unseen.A")] > 0.5, unseen)


def test_plates_that_were_delivered_again_after_the_clean_plate(
    engine: Connection, tmp_path: Path
) -> None:
    """A clean plate that was built once knows what its frames held, through the engine and alone.

    Before: it was older than the plates, and nobody was told.
    """
    walk = Walk(tmp_path, SEEN)
    clean = tmp_path / "clean.exr"
    assert dmp("cleanplate", walk.pattern, "-o", clean).returncode == 0
    wanted = ["matte", walk.pattern, "--clean", clean, "-o", tmp_path / "m.####.exr", "--frames",
              "1002-1003", *QUICK]  # fmt: skip
    sentence = (
        "The clean plate was made of this frame before it was delivered again; build the clean "
        "plate anew."
    )
    done = dmp(*wanted)
    assert done.returncode == 0 and sentence not in done.stderr
    again = disc_over(walk.wall, (50, 30), 15, 4).plate
    write_image(tmp_path / "in" / "p.1003.exr", again)
    for more in ([], ["--no-server", "--redo"]):
        done = dmp(*wanted, *more)
        assert done.returncode == 0, done.stderr
        assert done.stderr.count(f"Warning: p 1003: {sentence}") == 1, done.stderr
    recorded = [oiio.ImageBuf(str(tmp_path / f"m.{number}.exr")).spec() for number in (1002, 1003)]
    found = [sentence in one.get_string_attribute("dmp:warnings") for one in recorded]
    assert found == [False, True]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ("one", "is one frame; a clean plate of the shot itself needs several"),
        ("size", "give plates of one size"),
        ("still", "Nothing moves in these 6 frames"),
        ("name", "is one EXR"),
        ("other", "was not made by DMP. Choose another output, or add --overwrite"),
        ("plate", "p.1002.exr"),
    ],
)
def test_bad_input_is_one_sentence(
    engine: Connection, tmp_path: Path, spoil: str, words: str
) -> None:
    walk = Walk(tmp_path, PACED)
    image, output = walk.pattern, tmp_path / "clean.exr"
    if spoil == "one":
        image = tmp_path / "in" / "p.1001.exr"
    if spoil == "size":
        write_image(tmp_path / "in" / "p.1003.exr", walk.wall[:40])
    if spoil == "still":
        for number in range(1002, 1007):
            (tmp_path / "in" / f"p.{number}.exr").write_bytes(
                (tmp_path / "in" / "p.1001.exr").read_bytes()
            )
    if spoil == "name":
        output = tmp_path / "clean.png"
    if spoil == "other":
        write_image(output, walk.wall)
    if spoil == "plate":
        output = tmp_path / "in" / "p.1002.exr"
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.exr")}
    done = dmp("cleanplate", image, "-o", output)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert words in done.stderr and done.stderr.strip().count("\n") == 0
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.exr")} == before


@pytest.mark.parametrize("number", [1003, 1001 + len(SEEN) // 2])
def test_a_damaged_frame_is_left_out(engine: Connection, tmp_path: Path, number: int) -> None:
    """The middle one, to which the others are moved, too."""
    Walk(tmp_path, SEEN)
    (tmp_path / "in" / f"p.{number}.exr").write_bytes(b"no picture")
    output = tmp_path / "clean.exr"
    done = dmp("cleanplate", tmp_path / "in" / "p.####.exr", "-o", output, "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["frames"] == len(SEEN) - 1
    assert answer["left_out"] == [str(tmp_path / "in" / f"p.{number}.exr")]
    assert np.isclose(answer["unseen"], with_map(output)[1].mean(), atol=1e-4)


def test_a_file_of_that_name_that_is_the_artists(engine: Connection, tmp_path: Path) -> None:
    walk = Walk(tmp_path, SEEN)
    mine = write_image(tmp_path / "m.clean.exr", walk.wall)
    before = mine.read_bytes()
    done = dmp("matte", walk.pattern, "--clean", "auto", "-o", tmp_path / "m.####.exr", *QUICK)
    assert done.returncode == 2 and "was not made by DMP" in done.stderr
    assert mine.read_bytes() == before
