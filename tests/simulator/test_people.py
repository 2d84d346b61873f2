"""Drawn people: bodies, clothes, hands, and that what is said of them is where they are drawn."""

import ctypes.util
import math
import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from tebura_contract.ids import Sku
from tebura_contract.layout import load_layout
from tebura_simulator import demo
from tebura_simulator.scenes.assortment import CHILDREN, SMALL
from tebura_simulator.scenes.body import (
    BODIES,
    BONES,
    KEYPOINTS,
    MESH,
    Body,
    keypoints_of,
    load_body,
    skinned,
)
from tebura_simulator.scenes.cloth import Cut, top, trousers
from tebura_simulator.scenes.manner import Manner
from tebura_simulator.scenes.measures import Measures
from tebura_simulator.scenes.posture import Posture, posture_of
from tebura_simulator.scenes.rings import shoes, skirt
from tebura_simulator.scenes.split import Split
from tebura_simulator.scenes.surface import Surface, border, clipped, surface
from tebura_simulator.scenes.tailor import dressed
from tebura_simulator.scenes.wardrobe import Wardrobe, shapes
from tebura_simulator.story.attire import Bag, Over
from tebura_simulator.story.script import BodyScript, Deed, Hand, Scenario, ShopperScript, Step
from tebura_simulator.story.timeline import GestureKind, Reach, ShopperState, Timeline
from tebura_simulator.story.walking import Leg, Stance, Stride, feet_of

from tests.conftest import missing

LAYOUT = load_layout(Path(demo.__file__).parent / "layout.toml")
SCRIPT = ShopperScript(id="ann", enter_s=0.0)


def _standing(
    reach: Reach | None = None, held: tuple[str, ...] = (), rest_s: tuple[float, float] = (0.0, 0.0)
) -> ShopperState:
    left, right = feet_of(Stance((0.0, 0.0), 0.0))
    return ShopperState(
        script=SCRIPT,
        xy_m=(0.0, 0.0),
        yaw_rad=0.0,
        speed_mps=0.0,
        left_foot=left,
        right_foot=right,
        reach=reach,
        held={Hand.LEFT: (), Hand.RIGHT: held},
        phone=0.0,
        rest_s=rest_s,
    )


def _taking(target_m: tuple[float, float, float], progress: float = 1.0) -> Reach:
    return Reach(GestureKind.TAKE, Hand.RIGHT, progress, target_m, target_m)


def _bone(posture: Posture, name: str) -> np.ndarray:
    return np.asarray(posture.heads_m[BONES.index(name)])


# Bodies


def test_there_are_people_of_every_size_and_the_files_stay_small() -> None:
    heights = [load_body(shape).height_m for shape in shapes()]
    assert len(heights) >= 12
    assert min(heights) < 1.2
    assert max(heights) > 1.75
    assert sum(file.stat().st_size for file in (*BODIES.glob("*.npz"), MESH)) < 3_000_000


@pytest.mark.parametrize("shape", shapes())
def test_keypoints_are_where_the_drawn_limbs_are(shape: str) -> None:
    """In a pose that turns every joint: wrists in the hand's root, ankles over the feet."""
    body = load_body(shape)
    reach = _taking((0.35 * body.height_m, 0.05, 0.55 * body.height_m))
    posture = posture_of(_standing(reach), body)
    mesh = skinned(body, posture.rotations, posture.heads_m)
    named = dict(
        zip(KEYPOINTS, keypoints_of(body, posture.rotations, posture.heads_m), strict=True)
    )
    for side, letter in (("left", "l"), ("right", "r")):
        for point, joint in (("wrist", "hand"), ("elbow", "forearm"), ("knee", "shin")):
            off_m = math.dist(named[f"{side}_{point}"], _bone(posture, f"{joint}.{letter}"))
            assert off_m < 0.05 * body.height_m, (side, point)
        foot = mesh[body.weights[:, BONES.index(f"foot.{letter}")] > 0.9]
        ankle = named[f"{side}_ankle"]
        assert foot[:, :2].min(0)[0] - 0.02 < ankle[0] < foot[:, :2].max(0)[0] + 0.02
        assert 0.0 < ankle[2] < 0.09 * body.height_m
    face = mesh[body.share("head") > 0.9]
    assert (face.min(0) - 0.01 < named["nose"]).all()
    assert (named["nose"] < face.max(0) + 0.01).all()


def test_a_body_of_another_height_is_the_same_body_enlarged() -> None:
    small, large = load_body("boy"), load_body("boy", 1.3)
    factor = 1.3 / small.height_m
    assert large.height_m == pytest.approx(1.3)
    identity = np.repeat(np.eye(3)[None], len(BONES), axis=0)
    assert np.allclose(
        keypoints_of(large, identity, large.bones_m),
        factor * keypoints_of(small, identity, small.bones_m),
    )


# Hands


def _span(posture: Posture, body: Body) -> float:
    """From the hand's root to where its middle finger's last bone begins, beside a flat hand's."""
    rest = body.bone("finger3-3.r") - body.bone("hand.r")
    now = _bone(posture, "finger3-3.r") - _bone(posture, "hand.r")
    return float(np.linalg.norm(now) / np.linalg.norm(rest))


def test_a_hand_opens_on_its_way_and_closes_around_what_it_holds() -> None:
    body = load_body("man")
    out = posture_of(_standing(_taking((0.4, -0.2, 1.1))), body)
    back = posture_of(_standing(_taking((0.4, -0.2, 1.1)), held=("tea",)), body)
    idle = posture_of(_standing(), body)
    assert _span(back, body) < _span(idle, body) < _span(out, body)


@pytest.mark.parametrize("shape", shapes())
def test_closed_fingers_are_on_the_palms_side(shape: str) -> None:
    body = load_body(shape)
    posture = posture_of(_standing(held=("tea",)), body)
    normal = posture.palms[Hand.RIGHT][:, 1]
    for finger in (1, 2, 3, 4, 5):
        knuckle, last = (_bone(posture, f"finger{finger}-{joint}.r") for joint in (1, 3))
        assert (last - knuckle) @ normal > 0.004, finger


def test_the_phone_is_read_only_while_there_is_nothing_to_do() -> None:
    body, reader = load_body("woman"), Manner(reads=True)
    waiting = posture_of(_standing(rest_s=(3.0, 3.0)), body, manner=reader)
    hurried = posture_of(_standing(rest_s=(3.0, 0.2)), body, manner=reader)
    busy = posture_of(_standing(held=("tea",), rest_s=(3.0, 3.0)), body, manner=reader)
    assert waiting.reading == 1.0
    assert hurried.reading == busy.reading == 0.0
    assert waiting.grips_m[Hand.RIGHT][2] > hurried.grips_m[Hand.RIGHT][2] + 0.2


def test_reading_begins_and_ends_without_a_jump() -> None:
    body, reader = load_body("woman"), Manner(reads=True)
    dt, grips = 1 / 30, []
    for t_s in np.arange(0.0, 4.0, dt):
        state = _standing(rest_s=(float(t_s), 4.0 - float(t_s)))
        grips.append(posture_of(state, body, float(t_s), reader).grips_m[Hand.RIGHT])
    speeds = np.linalg.norm(np.diff(grips, axis=0), axis=1) / dt
    assert speeds.max() < 3.0


# Standing and walking


@pytest.mark.parametrize("shape", shapes())
def test_hanging_hands_stay_out_of_the_hips(shape: str) -> None:
    body = load_body(shape)
    posture = posture_of(_standing(), body)
    mesh = skinned(body, posture.rotations, posture.heads_m)
    arms = body.share(*(b.split(".")[0] for b in BONES if "hand" in b or "finger" in b))
    trunk = mesh[body.share("root", "waist", "thigh") > 0.6]
    for side in (1.0, -1.0):
        hand = mesh[(arms > 0.9) & (body.vertices_m[:, 0] * side > 0)]
        near = trunk[np.abs(trunk[:, 2] - hand[:, 2].mean()) < 0.06]
        # The person looks along x: its left is y.
        assert (hand[:, 1] * side).min() > (near[:, 1] * side).max() - 0.005


@pytest.mark.parametrize("shape", shapes())
def test_low_shelves_are_reached_with_bent_knees(shape: str) -> None:
    body = load_body(shape)
    low_m = 0.16 * body.height_m
    posture = posture_of(_standing(_taking((0.26 * body.height_m, -0.1, low_m))), body)
    knee = _bone(posture, "shin.r")
    thigh, shin = knee - _bone(posture, "thigh.r"), _bone(posture, "foot.r") - knee
    straight = thigh @ shin / np.linalg.norm(thigh) / np.linalg.norm(shin)
    assert straight < math.cos(math.radians(60))
    assert _bone(posture, "head")[2] < 0.72 * body.height_m


def test_nobody_stands_like_a_statue() -> None:
    body = load_body("man")
    heads = [_bone(posture_of(_standing(), body, float(t)), "head") for t in range(12)]
    assert 0.005 < np.ptp(heads, axis=0).max() < 0.12


def test_the_head_turns_to_what_the_hand_goes_for() -> None:
    body = load_body("woman")
    for target in ((0.5, 0.3, 1.2), (0.5, -0.35, 0.9)):
        posture = posture_of(_standing(_taking(target)), body)
        nose, left, right = keypoints_of(body, posture.rotations, posture.heads_m)[[0, 3, 4]]
        ahead = nose - (left + right) / 2
        way = np.asarray(target) - nose
        cosine = ahead[:2] @ way[:2] / np.linalg.norm(ahead[:2]) / np.linalg.norm(way[:2])
        assert cosine > math.cos(math.radians(25)), target


def test_small_slow_and_old_people_take_smaller_steps_and_no_foot_slides() -> None:
    goal = Stance((4.0, 0.0), 0.0)
    usual = Leg(0.0, Stance((0.0, 0.0), 0.0), goal, 1.0, Stride.of(1.0, None))
    child = Leg(0.0, Stance((0.0, 0.0), 0.0), goal, 1.0, Stride.of(1.0, 1.1))
    slow = Leg(0.0, Stance((0.0, 0.0), 0.0), goal, 0.5, Stride.of(0.5, None))
    elder = Leg(0.0, Stance((0.0, 0.0), 0.0), goal, 1.0, Stride.of(1.0, None, is_old=True))
    assert child.steps > usual.steps
    assert elder.steps > usual.steps
    assert slow.steps > usual.steps
    assert child.end_s == usual.end_s
    for leg in (usual, child, slow, elder):
        for t_s in np.arange(0.0, leg.end_s, 0.05):
            for now, after in zip(leg.feet(float(t_s)), leg.feet(float(t_s) + 1e-3), strict=True):
                if now.lift_m == after.lift_m == 0.0:
                    assert now.xy_m == after.xy_m


# Clothes


def _grid() -> Surface:
    x, y = np.meshgrid(np.linspace(0, 1, 5), np.linspace(0, 1, 5))
    vertices = np.stack([x.ravel(), y.ravel(), np.zeros(25)], axis=1)
    a = (np.arange(4)[:, None] * 5 + np.arange(4)[None]).ravel()
    faces = np.concatenate([np.stack([a, a + 1, a + 5], 1), np.stack([a + 1, a + 6, a + 5], 1)])
    return surface(vertices, faces.astype(np.int32), np.ones((25, 1)))


def _area(part: Surface) -> float:
    a, b, c = (part.vertices_m[part.faces[:, i]] for i in range(3))
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def test_cloth_is_cut_along_the_line_however_the_mesh_lies() -> None:
    sheet = _grid()
    slanted = sheet.vertices_m @ [1.0, 1.0, 0.0] - 0.7
    part = clipped(sheet, slanted)
    assert _area(part) == pytest.approx(1.0 - 0.7**2 / 2)
    edge = part.vertices_m[np.unique(border(part.faces))]
    inner = edge[(edge[:, :2] > 1e-9).all(1) & (edge[:, :2] < 1 - 1e-9).all(1)]
    assert len(inner)
    assert np.allclose(inner.sum(1), 0.7)
    assert np.allclose(part.weights, 1.0)


@pytest.mark.parametrize("shape", shapes())
def test_garments_lie_outside_the_body_and_hang_on_its_bones(shape: str) -> None:
    m = Measures(load_body(shape))
    pieces = {
        "shirt": top(m, Cut()),
        "trousers": trousers(m, 0.04, 0.08),
        "skirt": skirt(m, m.knee_m, 0.05, 0.015, m.waist_m),
        "shoes": shoes(m),
    }
    for name, piece in pieces.items():
        assert np.isfinite(piece.vertices_m).all(), name
        assert np.allclose(piece.weights.sum(1), 1.0, atol=1e-6), name
        assert ((piece.uv >= 0) & (piece.uv <= 1)).all() or name == "shoes"
    for name in ("shirt", "trousers"):
        piece = pieces[name]
        off = ((piece.vertices_m - piece.base_m) * piece.out).sum(1)
        assert np.quantile(off, 0.02) > -0.004, name
    assert pieces["trousers"].vertices_m[:, 2].min() < 0.06
    assert pieces["shoes"].vertices_m[:, 2].min() == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("shape", ["girl", "slim-man", "heavy-woman"])
def test_what_is_worn_over_a_wide_shirt_is_wider(shape: str) -> None:
    m = Measures(load_body(shape))
    shirt = top(m, Cut(ease_m=0.05, loose=1.0))
    jacket = Cut(ease_m=0.02, loose=1.0, sleeve=1.0, open_m=0.03)

    def back_m(piece: Surface) -> float:
        """How far out the small of the back is."""
        v = piece.vertices_m[(piece.vertices_m[:, 1] > 0.05) & (abs(piece.vertices_m[:, 0]) < 0.1)]
        return float(v[abs(v[:, 2] - m.waist_m - 0.06 * m.scale) < 0.03 * m.scale, 1].mean())

    assert back_m(top(m, jacket)) < back_m(shirt) < back_m(top(m, jacket, shirt))


def test_a_script_says_what_it_wants_and_the_wardrobe_the_rest() -> None:
    said = BodyScript(shape="man", shirt="#123456", hair="#010203", over=Over.NONE, bag=Bag.TOTE)
    script = ShopperScript(id="ann", enter_s=0.0, body=said)
    outfits = [Wardrobe.drawn(seed).outfit(script) for seed in range(12)]
    assert {(o.shape, o.shirt, o.hair, o.over, o.bag) for o in outfits} == {
        ("man", "#123456", "#010203", Over.NONE, Bag.TOTE)
    }
    assert len({(o.trousers, o.bottom, o.hair_style) for o in outfits}) > 6
    assert Wardrobe.drawn(3).outfit(script) == Wardrobe.drawn(3).outfit(script)


def test_the_halves_of_the_wardrobe_share_neither_shapes_nor_colours() -> None:
    def worn(split: Split) -> list[set[object]]:
        people = [ShopperScript(id=f"p{i}", enter_s=0.0) for i in range(60)]
        outfits = [Wardrobe.drawn(5, split).outfit(person) for person in people]
        return [
            {getattr(outfit, part) for outfit in outfits}
            for part in ("shape", "skin", "shirt", "trousers", "over_colour", "shoes", "bag_colour")
        ]

    for train, test in zip(worn(Split.TRAIN), worn(Split.TEST), strict=True):
        assert len(train) >= 3
        assert len(test) >= 3
        assert not train & test


@pytest.mark.parametrize("split", [None, *Split])
def test_whoever_is_small_is_a_child(split: Split | None) -> None:
    small = ShopperScript(id="kid", enter_s=0.0, height_m=1.15)
    assert Wardrobe.drawn(1, split).outfit(small).shape in CHILDREN
    grown = ShopperScript(id="kid", enter_s=0.0)
    assert Wardrobe.drawn(1, split).outfit(grown).shape not in CHILDREN


@pytest.mark.parametrize("shape", sorted(SMALL))
def test_small_children_carry_nothing_that_hangs_down_from_a_shoulder(shape: str) -> None:
    people = [
        ShopperScript(id=f"p{i}", enter_s=0.0, body=BodyScript(shape=shape)) for i in range(40)
    ]
    bags = {Wardrobe.drawn(3).outfit(person).bag for person in people}
    assert bags == {Bag.NONE, Bag.BACKPACK}


@pytest.mark.parametrize("shape", ["girl", "heavy-woman", "tall-man"])
def test_a_backpack_lies_on_the_back_and_leaves_arms_head_and_hips_clear(shape: str) -> None:
    mujoco = pytest.importorskip("mujoco")
    from tebura_simulator.scenes.bags import add_bag

    body, clear_m = load_body(shape), 0.02
    m, spec = Measures(body), mujoco.MjSpec()
    add_bag(spec, "ann", Bag.BACKPACK, "#204060", m, clear_m)
    at_m = next(g.pos for g in spec.geoms if g.meshname == "ann/bag-sack")
    points = np.reshape(spec.mesh("ann/bag-sack").uservert, (-1, 3)) + at_m + body.bone("chest")
    (left_m, inner_m, low_m), (right_m, outer_m, high_m) = points.min(axis=0), points.max(axis=0)
    trunk = body.vertices_m[(m.on_arm < 0.1) & (np.abs(body.vertices_m[:, 0]) < 0.08)]
    back_m = trunk[(trunk[:, 2] > low_m) & (trunk[:, 2] < high_m)][:, 1].max()
    assert back_m < inner_m < back_m + clear_m + 0.03
    assert 0.08 * m.scale < outer_m - inner_m < 0.17 * m.scale
    assert body.bone("upperarm.l")[2] < high_m < body.bone("neck")[2]
    assert low_m > (m.hip_m + m.waist_m) / 2
    assert max(-left_m, right_m) < 0.8 * body.bone("upperarm.l")[0]


def test_a_backpack_is_of_the_colour_that_is_asked_for_and_has_things_sewn_on() -> None:
    mujoco = pytest.importorskip("mujoco")
    from tebura_simulator.scenes.bags import add_bag

    spec = mujoco.MjSpec()
    add_bag(spec, "ann", Bag.BACKPACK, "#c8102e", Measures(load_body("man")), 0.02)
    texture = next(t for t in spec.textures if t.name == "ann/bag-sack")
    picture = np.frombuffer(texture.data, np.uint8).reshape(texture.height, texture.width, 3)
    red, green, blue = np.median(picture.reshape(-1, 3), axis=0)
    assert red > 3 * max(green, blue)
    outer = picture[:, : texture.width // 2].reshape(-1, 3).astype(int)
    is_red = outer[:, 0] > 3 * outer[:, 1:].max(axis=1)
    assert 0.6 < is_red.mean() < 0.95


def test_the_same_outfit_is_sewn_the_same_twice() -> None:
    outfit = Wardrobe.drawn(2).outfit(SCRIPT)
    first, again = (dressed(load_body(outfit.shape), outfit) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert one.name == other.name
        assert np.array_equal(one.surface.vertices_m, other.surface.vertices_m)
        assert np.array_equal(one.picture, other.picture)


# As drawn


@cache
def _story() -> Timeline:
    take = Step(action=Deed.TAKE, sku=Sku("onigiri-tuna"))
    people = (ShopperScript(id="a", enter_s=0.0, body=BodyScript(shape="man"), do=(take,)),)
    return Timeline(Scenario(name="seen", duration_s=60, shopper=people), LAYOUT)


def test_the_wrist_is_said_to_be_where_the_arm_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each visible wrist lies on, or next to, pixels of that person."""
    monkeypatch.setitem(os.environ, "MUJOCO_GL", "egl")
    if ctypes.util.find_library("EGL") is None:
        missing("drawing needs libegl1, libegl-mesa0 and libgl1-mesa-dri")
    from tebura_simulator.scenes.drawing import Drawing
    from tebura_simulator.scenes.lens import Lens
    from tebura_simulator.scenes.stage import Stage

    story = _story()
    camera = next(camera for camera in LAYOUT.camera if camera.label == "aisle")
    stage, lens = Stage(story, LAYOUT), Lens(camera)
    drawing = Drawing(stage, camera.label, supersample=1)
    (action,) = story.actions
    looked = 0
    for t_s in (action.t_s - 3.0, action.t_s - 0.4, action.t_s + 1.2):
        stage.set_time(t_s)
        index, names = drawing.segments()
        mine = np.isin(index, [i for i, name in enumerate(names) if name.startswith("a/")])
        posture, body = stage.postures["a"], stage.bodies["a"]
        points = keypoints_of(body, posture.rotations, posture.heads_m)
        pixels, far = lens.project(points)
        depth = drawing.depth_m()
        for name in ("left_wrist", "right_wrist", "left_ankle", "right_ankle", "nose"):
            x, y = pixels[KEYPOINTS.index(name)].round().astype(int)
            if not (3 <= x < 637 and 3 <= y < 357):
                continue
            if depth[y, x] < far[KEYPOINTS.index(name)] - 0.14:
                continue  # something else is before it
            looked += 1
            assert mine[y - 2 : y + 3, x - 2 : x + 3].any(), (t_s, name)
    drawing.close()
    assert looked >= 8
