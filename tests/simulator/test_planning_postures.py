"""Bodies can do what the timetable has them do."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tebura_contract.ids import MemberId, Sku
from tebura_contract.layout import load_layout
from tebura_simulator import demo
from tebura_simulator.scenes.body import BONES, PARENTS, load_body, skinned
from tebura_simulator.scenes.posture import Posture, posture_of
from tebura_simulator.story.scenario import (
    Deed,
    Hand,
    OtherHand,
    Scenario,
    ShopperScript,
    Step,
)
from tebura_simulator.story.timeline import GestureKind, ShopperState, Timeline

LAYOUT = load_layout(Path(demo.__file__).parent / "layout.toml")
TEA, WATER, SALMON = Sku("green-tea"), Sku("mineral-water"), Sku("onigiri-salmon")
BODY = load_body("woman")
TAKE = GestureKind.TAKE
FROM_THE_FLOOR_M = 0.1
"""How near a stooping hand gets to what lies there; a finer pose is the drawing's business."""


def _story() -> Timeline:
    giver = ShopperScript(
        id="a",
        member=MemberId("a"),
        enter_s=0.5,
        do=(
            Step(action=Deed.TAKE, sku=TEA),
            Step(action=Deed.HAND_OVER, sku=TEA, to="b"),
            Step(action=Deed.TOUCH, sku=WATER),
            Step(action=Deed.LEAN, sku=SALMON, hand=Hand.LEFT, force_kg=4.0),
            Step(action=Deed.KNOCK, sku=WATER),
        ),
    )
    both = OtherHand(sku=Sku("onigiri-tuna"), lag_s=0.3)
    taker = ShopperScript(
        id="b",
        member=MemberId("b"),
        enter_s=9.0,
        do=(
            Step(action=Deed.DROP, sku=TEA),
            Step(action=Deed.PICK_UP, sku=TEA),
            Step(action=Deed.TAKE, sku=SALMON, other_hand=both),
            Step(action=Deed.LAY, sku=TEA),
        ),
    )
    return Timeline(Scenario(name="try", duration_s=120, shopper=(giver, taker)), LAYOUT)


STORY = _story()
MOMENTS: list[tuple[float, ShopperState, Posture]] = [
    (float(t), state, posture_of(state, BODY))
    for t in np.arange(0.0, STORY.duration_s, 0.15)
    for state in STORY.shoppers(float(t))
]


def test_hands_are_where_their_reaches_go() -> None:
    kinds = set()
    for t_s, state, posture in MOMENTS:
        for reach in (state.reach, state.other_reach):
            if reach is None or reach.target_m is None or reach.progress < 1.0:
                continue
            if reach.kind is GestureKind.LOOK:
                continue
            kinds.add(reach.kind)
            off_m = math.dist(posture.grips_m[reach.hand], reach.target_m)
            is_stooping = reach.kind is GestureKind.PICK_UP
            assert off_m < (FROM_THE_FLOOR_M if is_stooping else 0.015), (t_s, reach.kind)
    assert kinds >= {
        GestureKind.HAND_OVER,
        GestureKind.RECEIVE,
        GestureKind.TOUCH,
        GestureKind.PICK_UP,
        GestureKind.LAY,
        GestureKind.TAKE,
    }


@pytest.mark.parametrize("high_m", [1.95, 2.4])
def test_who_reaches_above_the_head_stays_upright(high_m: float) -> None:
    """Beyond an arm's length leaning would only take the hand farther off."""
    reaching = next(s for _, s, _ in MOMENTS if s.reach is not None and s.reach.kind is TAKE)
    assert reaching.reach is not None
    assert reaching.reach.target_m is not None
    x, y, _ = reaching.reach.target_m
    reach = replace(reaching.reach, target_m=(x, y, high_m), via_m=None, progress=1.0)
    posture = posture_of(replace(reaching, reach=reach), BODY)
    grip, head, pelvis = posture.grips_m[reach.hand], *posture.heads_m[[BONES.index("head"), 0]]
    assert grip[2] > head[2] + 0.1
    assert math.hypot(*(head - pelvis)[:2]) < 0.3


def test_nobody_floats_sinks_or_comes_apart() -> None:
    for t_s, state, posture in MOMENTS:
        lowest = skinned(BODY, posture.rotations, posture.heads_m)[:, 2].min()
        assert -0.04 < lowest < 0.04, (t_s, state.script.id)
        for bone, parent in enumerate(PARENTS):
            if parent is not None:
                rest = np.linalg.norm(BODY.bones_m[bone] - BODY.bones_m[parent])
                now = np.linalg.norm(posture.heads_m[bone] - posture.heads_m[parent])
                assert abs(now - rest) < 2e-3, (t_s, BONES[bone])
