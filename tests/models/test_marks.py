"""The marks made by eye on real frames, and how a network is held to them."""

from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def benchmarks_are_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))


def seen(boxes: list[list[float]], wrist_px: tuple[float, float] | None = None) -> object:
    from seers import Seen

    points = np.zeros((len(boxes), 17, 2), np.float32)
    sure = np.zeros((len(boxes), 17), np.float32)
    if wrist_px is not None:
        points[:, 9], sure[:, 9] = wrist_px, 0.8
    scores = np.linspace(0.9, 0.6, len(boxes)).astype(np.float32)
    return Seen(np.array(boxes, np.float32).reshape(-1, 4), scores, points, sure)


def test_two_hundred_frames_are_marked_and_every_mark_lies_with_its_person() -> None:
    from marked import read_marks

    marks = [frame for film in read_marks().values() for frame in film.values()]
    assert len(marks) >= 200
    people = [person for frame in marks for person in frame.people]
    for x0, y0, x1, y1 in (person.box for person in people):
        assert 0 <= x0 < x1
        assert 0 <= y0 < y1
    for person in people:
        x0, y0, x1, y1 = person.box
        room = 0.1 * (y1 - y0)
        for wrist in (person.left, person.right):
            if wrist is not None:
                assert x0 - room <= wrist[0] <= x1 + room
                assert y0 - room <= wrist[1] <= y1 + room


@pytest.mark.parametrize(
    ("boxes", "found", "claimed"),
    [
        pytest.param([[12, 11, 60, 112]], 1, 1, id="found"),
        pytest.param([[12, 11, 60, 112], [10, 10, 58, 108]], 1, 2, id="twice-is-once-and-a-ghost"),
        pytest.param([[70, 11, 118, 112]], 0, 1, id="elsewhere"),
        pytest.param([[210, 20, 250, 100]], 0, 0, id="where-nothing-counts"),
        pytest.param([], 0, 0, id="nobody"),
    ],
)
def test_boxes_are_held_to_the_marks(boxes: list[list[float]], found: int, claimed: int) -> None:
    from marked import MarkedFrame, MarkedPerson, Tally

    person = MarkedPerson((10, 10, 60, 110), None, None)
    frame = MarkedFrame("film", 0, (person,), ((200, 0, 300, 200),))
    tally = Tally()
    tally.add(frame, seen(boxes), 0.25)  # type: ignore[arg-type]
    assert (tally.people, tally.found, tally.claimed) == (1, found, claimed)


def test_a_wrist_counts_as_found_near_its_mark_alone() -> None:
    from marked import MarkedFrame, MarkedPerson, Tally

    person = MarkedPerson((10, 10, 60, 110), (30, 60), (50, 60))
    frame = MarkedFrame("film", 0, (person,), ())
    tally = Tally()
    # The left one is 5 px off of 100; the right one was not seen at all.
    tally.add(frame, seen([[10, 10, 60, 110]], (35, 60)), 0.25)  # type: ignore[arg-type]
    assert (tally.wrists, tally.near) == (2, 1)
    assert tally.off[0] == pytest.approx(0.05)


def test_drawn_pictures_are_compared_like_marked_ones(tmp_path: Path) -> None:
    import cv2
    from marked import MarkedPerson, drawn_frames

    for part in ("images", "labels"):
        (tmp_path / part / "test").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "images" / "test" / "w1.jpg"), np.zeros((100, 200, 3), np.uint8))
    points = [["0", "0", "0"]] * 9 + [["0.25", "0.5", "2"], ["0.75", "0.5", "1"]]
    points += [["0", "0", "0"]] * 6
    row = ["0", "0.5", "0.5", "0.5", "0.8", *(word for point in points for word in point)]
    (tmp_path / "labels" / "test" / "w1.txt").write_text(" ".join(row) + "\n")
    ((frame, picture),) = drawn_frames(tmp_path)
    assert picture.shape == (100, 200, 3)
    # A wrist that is hidden is no mark.
    assert frame.people == (MarkedPerson((50.0, 10.0, 150.0, 90.0), (50.0, 50.0), None),)
