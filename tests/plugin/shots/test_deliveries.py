"""Movies and pictures beside the EXRs: where all lies, what is refused, what a file records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dmp_matting.errors import InputError, OutputError
from dmp_matting.shots import deliveries
from dmp_matting.shots.deliveries import (
    check_deliveries,
    delivered_plate,
    delivery_record,
    shorter_movies,
    write_deliveries,
)
from dmp_matting.shots.run import check_others
from dmp_matting.shots.shot import Shot, check_name

RECORD = {"dmp_delivery": 1, "image": "/p/a.####.exr", "frames": [1, 9, 9]}


def atom(kind: bytes, body: bytes) -> bytes:
    return (len(body) + 8).to_bytes(4, "big") + kind + body


def movie(path: Path, record: dict[str, Any] | None = None) -> Path:
    text = json.dumps(record or RECORD).encode()
    moov = atom(b"moov", atom(b"udta", b"a {} b" + text + b"}"))
    path.write_bytes(atom(b"ftyp", b"qt  ") + atom(b"mdat", b"x" * 99) + moov)
    return path


def chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + kind + body + b"crc!"


def picture(path: Path, record: dict[str, Any] | None = None) -> Path:
    text = chunk(b"tEXt", b"dmp:delivery\0" + json.dumps(record or RECORD).encode())
    pixels = chunk(b"IDAT", b"x" * 99) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(13)) + text + pixels)
    return path


def shot(folder: Path, output: str, frames: range = range(1, 4)) -> Shot:
    return Shot("sh", str(folder / "p.####.exr"), str(folder / "c.exr"), str(folder / output),
                frames=frames)  # fmt: skip


@pytest.mark.parametrize(
    ("output", "results", "delivery"),
    [
        ("out.mov", "out.mattes/out.####.exr", "out.mov"),
        ("out.MOV", "out.mattes/out.####.exr", "out.MOV"),
        ("out.####.png", "out.mattes/out.####.exr", "out.####.png"),
        ("out_%04d.png", "out.mattes/out_%04d.exr", "out_%04d.png"),
        ("out.png", "out.mattes/out.exr", "out.png"),
        ("out.####.exr", "out.####.exr", ""),
    ],
)
def test_the_exrs_lie_in_a_folder_beside(
    tmp_path: Path, output: str, results: str, delivery: str
) -> None:
    one = shot(tmp_path, output)
    assert one.output == str(tmp_path / results)
    assert one.delivery == (str(tmp_path / delivery) if delivery else "")
    assert one.named_output == str(tmp_path / output)
    assert Shot.from_json(json.loads(json.dumps(one.to_json()))).output == one.output
    check_name(one)


@pytest.mark.parametrize(
    "output", ["out.mp4", "out.####.tif", "out", "out.####.mov", "out.%04d.mov"]
)
def test_a_wrong_name_is_one_sentence(tmp_path: Path, output: str) -> None:
    with pytest.raises(OutputError, match=r"out"):
        check_name(shot(tmp_path, output))


@pytest.mark.parametrize("role", ["image", "clean"])
def test_the_clip_itself_is_never_replaced(tmp_path: Path, role: str) -> None:
    """Its pictures are the plates then, so nobody would miss it."""
    clip = str(movie(tmp_path / "clip.mov"))
    sources = {"image": str(tmp_path / "p.####.exr"), "clean": str(tmp_path / "c.exr"), role: clip}
    with pytest.raises(OutputError, match=r"clip.mov' is one of the plates"):
        check_name(Shot("sh", output=clip, **sources))


@pytest.mark.parametrize("output", ["o.####.png", "o.####.exr"])
def test_only_a_movie_may_be_premultiplied(output: str) -> None:
    check_name(Shot("sh", "p.####.exr", "c.exr", "o.mov", premultiplied=True))
    with pytest.raises(InputError, match=r"cannot be premultiplied: a PNG is straight"):
        check_name(Shot("sh", "p.####.exr", "c.exr", output, premultiplied=True))


def test_a_rate_that_no_movie_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"fps is -3"):
        check_name(Shot("sh", "p.####.exr", "c.exr", "o.mov", fps=-3.0))


@pytest.mark.parametrize("make", [movie, picture])
def test_what_a_file_records_is_read_and_damage_is_seen(tmp_path: Path, make: Any) -> None:
    path = make(tmp_path / ("o.mov" if make is movie else "o.png"))
    assert delivery_record(str(path)) == RECORD and delivered_plate(str(path)) == RECORD["image"]
    assert deliveries._is_current(str(path), RECORD)
    assert not deliveries._is_current(str(path), {**RECORD, "inputs": "other"})
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert not deliveries._is_current(str(path), RECORD)
    path.write_bytes(b"no such file")
    assert delivery_record(str(path)) == {} == delivery_record(str(tmp_path / "absent.mov"))


def test_another_plates_file_and_another_programs_are_not_replaced(tmp_path: Path) -> None:
    own = {**RECORD, "image": str(tmp_path / "p.####.exr"), "frames": [1, 3, 3]}
    movie(tmp_path / "o.mov", own)
    check_others([shot(tmp_path, "o.mov")])
    movie(tmp_path / "o.mov", {**own, "image": "/another/p.####.exr"})
    with pytest.raises(InputError, match=r"o.mov comes from another plate, /another/p.####.exr"):
        check_others([shot(tmp_path, "o.mov")])
    (tmp_path / "o.0002.png").write_bytes(b"somebody's")
    with pytest.raises(InputError, match=r"1 file of something else: .*o.0002.png was not made by"):
        check_others([shot(tmp_path, "o.####.png")])


@pytest.mark.parametrize("frames", ["1-3", [1, 3], [1, 3, None], {"a": 1}, [True, 3, 3]])
def test_a_record_that_is_none_is_passed_over(tmp_path: Path, frames: Any) -> None:
    movie(tmp_path / "o.mov", {**RECORD, "image": ["x"], "frames": frames})
    assert shorter_movies([shot(tmp_path, "o.mov")]) == ""
    with pytest.raises(InputError, match=r"comes from another plate"):
        check_others([shot(tmp_path, "o.mov")])


@pytest.mark.parametrize(
    ("frames", "refused"),
    [(range(1, 4), False), (range(0, 9), False), (range(2, 4), True), (range(1, 3), True)],
)
def test_a_movie_loses_no_frame_unasked(tmp_path: Path, frames: range, refused: bool) -> None:
    own = {**RECORD, "image": str(tmp_path / "p.####.exr"), "frames": [1, 3, 3]}
    movie(tmp_path / "o.mov", own)
    assert bool(shorter_movies([shot(tmp_path, "o.mov", frames)])) is refused
    if refused:
        with pytest.raises(InputError, match=r"has 3 frames, 1-3; .* --overwrite"):
            check_others([shot(tmp_path, "o.mov", frames)])


def test_a_plate_is_never_replaced(tmp_path: Path) -> None:
    plates = Shot("sh", str(tmp_path / "p.####.png"), str(tmp_path / "c.png"),
                  str(tmp_path / "p.####.png"), frames=(1, 2))  # fmt: skip
    (tmp_path / "p.0002.png").write_bytes(b"a plate")
    with pytest.raises(OutputError, match=r"p.0001.png' is one of the plates"):
        check_deliveries([plates], False)
    with pytest.raises(OutputError, match=r"does not exist; make it first"):
        check_deliveries([shot(tmp_path, "none/o.####.png")], False)


def test_whether_movies_can_be_written_is_known_before_the_solve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_pyav() -> None:
        raise OutputError("A .mov is written through PyAV: install it.")

    monkeypatch.setattr(deliveries, "movie_writer", no_pyav)
    check_deliveries([shot(tmp_path, "o.####.png")], False)
    with pytest.raises(OutputError, match="PyAV"):
        check_deliveries([shot(tmp_path, "o.mov")], False)


def test_what_is_current_stays_and_an_interruption_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine is played by this test."""
    one = shot(tmp_path, "o.####.png")
    (tmp_path / "o.mattes").mkdir()
    for number in one.frames:
        Path(one.output_of(number)).write_bytes(b"a result %d" % number)
    made: list[str] = []

    def engine(request: dict[str, Any]) -> Any:
        for entry in request["files"]:
            made.append(Path(entry["path"]).name)
            picture(Path(entry["path"]), json.loads(entry["record"]))
            yield {"frame": entry["frames"][0]["number"]}
        yield {"how": "PNG"}

    monkeypatch.setattr(deliveries, "deliver", engine)
    assert list(write_deliveries(one, (1, 2, 3), False)) == [
        f"Making {one.delivery} of 3 frames.",
        f"Wrote {one.delivery}: 3 frames, PNG. The EXRs are in {tmp_path}/o.mattes.",
    ]
    assert not list(write_deliveries(one, (1, 2, 3), False))
    Path(one.output_of(2)).write_bytes(b"another result")
    (tmp_path / "o.0003.png").unlink()
    made.clear()
    assert "2 frames" in list(write_deliveries(one, (1, 2, 3), False))[1]
    assert made == ["o.0002.png", "o.0003.png"]
    made.clear()
    list(write_deliveries(one, (1, 2, 3), True))
    assert len(made) == 3

    def stopped(request: dict[str, Any]) -> Any:
        yield {"frame": 1}
        raise KeyboardInterrupt

    monkeypatch.setattr(deliveries, "deliver", stopped)
    with pytest.raises(KeyboardInterrupt):
        list(write_deliveries(one, (1, 2, 3), True))
