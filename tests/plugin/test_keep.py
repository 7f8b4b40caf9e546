"""The text of Settings.keep: its forms, its keys, and what it refuses."""

from __future__ import annotations

import pytest

from dmp_matting.cli.options import keep_as_one_word
from dmp_matting.errors import SettingsError
from dmp_matting.keep import Keep
from dmp_matting.presets import preset


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("all", "all"),
        ("", "all"),
        (" Largest ", "largest"),
        ("largest  EACH", "largest each"),
        ("at 400,300", "at 400,300"),
        ("at:400, 300.5", "at 400,300.5"),
        ("at=-1,2,3,4", "at -1,2,3,4"),
        ("BOX 0,0,10,20", "box 0,0,10,20"),
        ("at 6,7@1050 4,3@1001", "at 4,3@1001 6,7@1050"),
        ("at 6,7@-5; 4,3@1", "at 6,7@-5 4,3@1"),
    ],
)
def test_forms_that_are_read(text: str, written: str) -> None:
    keep = Keep.parse(text)
    assert keep.text() == written
    assert Keep.parse(written) == keep
    assert preset("draft").changed(keep=text).keep == text


@pytest.mark.parametrize(
    "text",
    ["some", "at", "at x,y", "at 1", "at 1,2,3", "box 1,2", "box 1,2,1,9", "largest 3",
     "at 1,2 3,4", "at 1,2@7 3,4@7", "at 1,2@7.5", "at 1e9,2", "at 9999999,2", "at 1,2 or 3"],
)  # fmt: skip
def test_what_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(SettingsError, match="keep"):
        preset("draft").changed(keep=text)


def test_places_move_in_a_straight_line_from_key_to_key() -> None:
    keep = Keep.parse("at 10,20@1001 30,0@1011 30,0,5,5@1013")
    assert [keep.numbers(frame) for frame in (990, 1001, 1006, 1011, 1012, 1013, 1100)] == [
        (10, 20), (10, 20), (20, 10), (30, 0), (30, 0), (30, 0, 5, 5), (30, 0, 5, 5),
    ]  # fmt: skip
    assert Keep.parse("box 1,2,3,4").numbers(77) == (1, 2, 3, 4)


@pytest.mark.parametrize(
    ("text", "followed", "unfollowed"),
    [
        ("all", False, "all"),
        ("largest", True, "largest each"),
        ("largest each", False, "largest each"),
        ("at 5,6", True, "at 5,6@1 5,6@9"),
        ("box 1,2,3,4@5", True, "box 1,2,3,4@1 1,2,3,4@9"),
        ("at 1,2@3 3,4@7", False, "at 1,2@3 3,4@7"),
    ],
)
def test_what_a_shot_follows(text: str, followed: bool, unfollowed: str) -> None:
    keep = Keep.parse(text)
    assert keep.is_followed is followed and keep.unfollowed(1, 9).text() == unfollowed
    for frame in (1, 5, 9):
        assert keep.same_at(frame, keep.unfollowed(1, 9))


def test_keys_on_a_straight_line_are_left_out() -> None:
    line = Keep("at", tuple((n, (10.0 + 2 * n, 50.0 - n)) for n in range(100)), True)
    assert line.thinned().text() == "at 10,50@0 208,-49@99"
    bent = Keep("at", tuple((n, (abs(n - 40.0), 0.001 * n * n)) for n in range(100)), True)
    thin = bent.thinned()
    assert 3 <= len(thin.keys) < 100 and (40, (0.0, 1.6)) in thin.keys
    assert all(bent.same_at(n, thin) for n in range(100))
    for keep in (Keep.parse("all"), Keep.parse("at 1,2")):
        assert keep.thinned() == keep


def test_places_in_other_coordinates() -> None:
    keep = Keep.parse("box 1,2,3,4@1 5,6,7,8@9").moved(lambda x, y: (x, 100 - y))
    assert keep.text() == "box 1,98,3,96@1 5,94,7,92@9"


def test_a_value_without_quotes_on_the_command_line() -> None:
    plain = ["matte", "p.exr", "--keep", "largest", "--seed", "3"]
    assert keep_as_one_word(plain) == plain
    assert keep_as_one_word(["--keep", "at", "4,3", "-q"]) == ["--keep", "at 4,3", "-q"]
    each = ["--keep", "largest", "each", "-q"]
    assert keep_as_one_word(each) == ["--keep", "largest each", "-q"]
