"""What a picture of a facing tells of a move, of the demo's own films."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def benchmarks_are_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))


def test_facings_stand_where_the_aisle_camera_sees_the_shelf() -> None:
    from facings import DEMO, facings_px
    from tebura_contract.layout import load_layout

    layout = load_layout(DEMO / "layout.toml")
    (aisle,) = [camera for camera in layout.camera if camera.watches]
    found = facings_px(layout, aisle)
    assert len(found) == sum(len(shelf.facing) for _, shelf in layout.shelves().values())
    for corners in found.values():
        assert (corners >= 0).all()
        assert (corners <= aisle.intrinsics.size_px).all()
        (left_top, right_top, right_low, left_low) = corners
        assert left_top[0] < right_top[0]
        assert left_low[0] < right_low[0]
        assert left_top[1] < left_low[1]


def test_what_changes_no_more_than_the_rest_is_told_apart_by_chance() -> None:
    from facings import Change, told_apart

    def change(greys: float, *, is_touched: bool) -> Change:
        return Change("a", "c", "g/s/f", is_touched, "tea", greys, 20, 30)

    others = [change(greys, is_touched=False) for greys in (1.0, 3.0)]
    assert told_apart([change(2.0, is_touched=True), *others])["above"] == 0.5
    assert told_apart([change(4.0, is_touched=True), *others])["above"] == 1.0
