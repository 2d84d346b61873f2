import ctypes.util
import math
import os
from functools import cache
from pathlib import Path

import av
import cv2
import msgspec
import numpy as np
import pytest
import segno
from numpy.typing import NDArray
from tebura_contract.geometry import Pose
from tebura_contract.ids import Sku
from tebura_contract.layout import load_layout
from tebura_models.loader import Provider, load_network
from tebura_simulator import demo
from tebura_simulator.scenes.body import (
    BODIES,
    BONES,
    KEYPOINTS,
    PARENTS,
    keypoints_of,
    load_body,
    skinned,
)
from tebura_simulator.scenes.lens import Lens
from tebura_simulator.scenes.posture import Posture, posture_of
from tebura_simulator.scenes.truth import (
    FPS,
    FootageTruth,
    TimelineRecord,
    quad_px,
)
from tebura_simulator.scenes.visibility import measure
from tebura_simulator.story.scenario import Deed, Scenario, ShopperScript, Step, load_scenario
from tebura_simulator.story.timeline import GestureKind, Hand, ShopperState, Timeline

from tests.conftest import missing

DEMO = Path(demo.__file__).parent
LAYOUT = load_layout(DEMO / "layout.toml")
PATHS = sorted((DEMO / "scenarios").glob("*.toml"))
DEMOS = {path.stem: Timeline(load_scenario(path, LAYOUT), LAYOUT) for path in PATHS}
CAMERAS = {str(camera.label): camera for camera in LAYOUT.camera}
SHAPES = sorted(path.stem for path in BODIES.glob("*.npz"))


def _postures(name: str, every_s: float) -> list[tuple[float, ShopperState, Posture]]:
    story = DEMOS[name]
    return [
        (float(t), state, posture_of(state, load_body(state.script.body.shape)))
        for t in np.arange(0.0, story.duration_s, every_s)
        for state in story.shoppers(float(t))
    ]


# Bodies and postures


@pytest.mark.parametrize("shape", SHAPES)
def test_a_body_at_rest_stands_on_the_floor_at_its_own_height(shape: str) -> None:
    body = load_body(shape)
    mesh = skinned(body, np.repeat(np.eye(3)[None], len(BONES), axis=0), body.bones_m)
    assert np.allclose(mesh, body.vertices_m, atol=1e-3)
    assert mesh[:, 2].min() == pytest.approx(0.0, abs=1e-3)
    assert 1.0 < mesh[:, 2].max() < 2.0


@pytest.mark.parametrize("shape", SHAPES)
def test_keypoints_lie_inside_the_body_left_of_right(shape: str) -> None:
    body = load_body(shape)
    points = keypoints_of(body, np.repeat(np.eye(3)[None], len(BONES), axis=0), body.bones_m)
    named = dict(zip(KEYPOINTS, points, strict=True))
    assert np.linalg.norm(named["left_wrist"] - body.bone("hand.l")) < 0.06
    assert np.linalg.norm(named["right_knee"] - body.bone("shin.r")) < 0.08
    for part in ("eye", "shoulder", "hip", "wrist", "ankle"):
        assert named[f"left_{part}"][0] > named[f"right_{part}"][0]


def test_an_unknown_shape_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ValueError, match="tall-woman"):
        load_body("giant")


@pytest.mark.parametrize("name", DEMOS)
def test_the_grip_is_at_the_target_when_the_hand_is_there(name: str) -> None:
    story = DEMOS[name]
    moments = [action.t_s for action in story.actions]
    moments += [p.code_from_s + 0.5 for p in story.passages if p.code_from_s is not None]
    for t_s in moments:
        (state,) = story.shoppers(t_s)
        assert state.reach is not None
        assert state.reach.target_m is not None
        posture = posture_of(state, load_body(state.script.body.shape))
        missed_m = math.dist(posture.grips_m[state.reach.hand], state.reach.target_m)
        assert missed_m < 0.015, (t_s, state.reach.kind)


@pytest.mark.parametrize("turned_rad", [math.pi / 2, math.pi, -2.5])
@pytest.mark.parametrize("hand", Hand)
def test_shelves_that_face_elsewhere_are_reached_as_well(turned_rad: float, hand: Hand) -> None:
    pose = Pose(translation_m=(1.5, 1.0, 0.0), rotation_rad=(0.0, 0.0, turned_rad))
    gondola = msgspec.structs.replace(LAYOUT.gondola[0], store_from_gondola=pose)
    layout = msgspec.structs.replace(LAYOUT, gondola=(gondola,))
    step = Step(action=Deed.TAKE, sku=Sku("onigiri-tuna"), quantity=2, hand=hand)
    shopper = ShopperScript(id="a", enter_s=0.0, do=(step,))
    story = Timeline(Scenario(name="turned", duration_s=60, shopper=(shopper,)), layout)
    (action,) = story.actions
    (state,) = story.shoppers(action.t_s)
    assert state.reach is not None
    assert state.reach.target_m is not None
    posture = posture_of(state, load_body("man"))
    assert math.dist(posture.grips_m[hand], state.reach.target_m) < 0.015
    ahead = np.asarray(state.reach.target_m[:2]) - state.xy_m
    assert ahead @ [math.cos(state.yaw_rad), math.sin(state.yaw_rad)] > 0.4


@pytest.mark.parametrize("name", DEMOS)
def test_bones_keep_their_length(name: str) -> None:
    for t_s, state, posture in _postures(name, 0.37):
        body = load_body(state.script.body.shape)
        for bone, parent in enumerate(PARENTS):
            if parent is None:
                continue
            rest = np.linalg.norm(body.bones_m[bone] - body.bones_m[parent])
            now = np.linalg.norm(posture.heads_m[bone] - posture.heads_m[parent])
            assert now == pytest.approx(rest, abs=2e-3), (t_s, BONES[bone])


@pytest.mark.parametrize("name", DEMOS)
def test_nobody_floats_or_sinks(name: str) -> None:
    for t_s, state, posture in _postures(name, 0.43):
        body = load_body(state.script.body.shape)
        lowest = skinned(body, posture.rotations, posture.heads_m)[:, 2].min()
        assert -0.035 < lowest < 0.03, t_s


@pytest.mark.parametrize("name", DEMOS)
def test_a_hand_that_carries_stays_out_of_the_shelves(name: str) -> None:
    """Else a camera would see reaches where there are none."""
    front_y = LAYOUT.gondola[0].store_from_gondola.translation_m[1]
    for t_s, state, posture in _postures(name, 0.2):
        reaching = state.reach is not None and state.reach.kind is not GestureKind.LOOK
        if not reaching:
            assert all(grip[1] < front_y - 0.05 for grip in posture.grips_m.values()), t_s


def test_hands_move_without_jumps() -> None:
    story = DEMOS["take-two-put-one-back"]
    dt = 1 / 30
    before: Posture | None = None
    for t_s in np.arange(9.0, 21.5, dt):
        (state,) = story.shoppers(float(t_s))
        now = posture_of(state, load_body(state.script.body.shape))
        if before is not None:
            for hand, grip in now.grips_m.items():
                assert math.dist(grip, before.grips_m[hand]) / dt < 5.0, t_s
        before = now


# Truth


@pytest.mark.parametrize("label", CAMERAS)
def test_projection_agrees_with_opencv(label: str) -> None:
    lens, camera = Lens(CAMERAS[label]), CAMERAS[label]
    points = lens.frame.origin_m + np.random.default_rng(1).uniform(-1, 1, (50, 3))
    points += 2.0 * lens.frame.rotation[:, 2]
    camera_from_store = lens.frame.rotation.T
    rotation, _ = cv2.Rodrigues(camera_from_store)
    matrix = np.diag([*camera.intrinsics.focal_px, 1.0])
    matrix[:2, 2] = camera.intrinsics.center_px
    wanted, _ = cv2.projectPoints(
        points, rotation, -camera_from_store @ lens.frame.origin_m, matrix, np.zeros(5)
    )
    pixels, depth = lens.project(points)
    assert np.allclose(pixels, wanted[:, 0], atol=1e-6)
    assert (depth > 0).all()


def test_a_quad_is_reported_from_its_front_only() -> None:
    lens = Lens(CAMERAS["gate"])
    local = [(-0.03, -0.03, 0.3), (0.03, -0.03, 0.3), (0.03, 0.03, 0.3), (-0.03, 0.03, 0.3)]
    corners = np.asarray([lens.frame.point(point) for point in local])
    quad = quad_px(corners, lens)
    assert quad is not None
    assert quad[0][0] < quad[1][0]
    assert quad[0][1] < quad[3][1]
    assert quad_px(corners[[1, 0, 3, 2]], lens) is None
    assert quad_px(corners + 10 * lens.frame.rotation[:, 0], lens) is None


# The demo's footage


@cache
def _truth(name: str, camera: str) -> FootageTruth:
    path = DEMO / "footage" / name / f"{camera}.truth.json"
    return msgspec.json.decode(path.read_bytes(), type=FootageTruth)


@cache
def _frames(name: str, camera: str) -> list[tuple[float, NDArray[np.uint8]]]:
    with av.open(str(DEMO / "footage" / name / f"{camera}.mp4")) as video:
        return [
            (float(frame.time or 0.0), np.asarray(frame.to_ndarray(format="bgr24"), np.uint8))
            for frame in video.decode(video=0)
        ]


@pytest.mark.parametrize("name", DEMOS)
def test_footage_was_drawn_from_the_scenario_as_it_is(name: str) -> None:
    record = msgspec.json.decode(
        (DEMO / "footage" / name / "timeline.json").read_bytes(), type=TimelineRecord
    )
    assert record.actions == DEMOS[name].actions
    assert record.passages == DEMOS[name].passages


@pytest.mark.parametrize("camera", CAMERAS)
@pytest.mark.parametrize("name", DEMOS)
def test_every_frame_has_its_time_and_its_truth(name: str, camera: str) -> None:
    truth, frames = _truth(name, camera), _frames(name, camera)
    assert len(truth.frames) == len(frames) == round(DEMOS[name].duration_s * FPS)
    for index, ((t_s, picture), said) in enumerate(zip(frames, truth.frames, strict=True)):
        assert t_s == pytest.approx(index / FPS, abs=1e-6)
        assert said.t_s == pytest.approx(index / FPS, abs=1e-6)
        assert picture.shape == (truth.size_px[1], truth.size_px[0], 3)


@pytest.mark.parametrize("name", DEMOS)
def test_footage_shows_the_people_its_truth_names(name: str) -> None:
    """Inside a person's box the picture differs from the empty shop, far from it in shade at most.

    A person throws shadows on walls, and a camera exposes for the person: both leave the hue.
    """
    frames, truth = _frames(name, "aisle"), _truth(name, "aisle")
    empty = frames[0][1].astype(np.int16)
    assert truth.frames[0].people == ()
    for index in range(0, len(frames), 10):
        frame = frames[index][1].astype(np.int16)
        changed = np.abs(frame - empty).max(2) > 24
        boxes = np.zeros_like(changed)
        for person in truth.frames[index].people:
            x0, y0, x1, y1 = (int(v) for v in person.box_px)
            if x0 > 0 and x1 < 639:
                assert changed[y0:y1, x0:x1].mean() > 0.25, index
            boxes[max(0, y0 - 20) : y1 + 20, max(0, x0 - 20) : x1 + 20] = True
        tinted = np.abs(_hue(frame) - _hue(empty)).max(2) > 0.06
        assert tinted[:170][~boxes[:170]].mean() < 0.01, index


def _hue(picture: NDArray[np.int16]) -> NDArray[np.float64]:
    """Each colour's share of a pixel's light; what is nearly black has none to speak of."""
    return np.asarray(picture / np.maximum(picture.sum(2, keepdims=True), 120))


@pytest.mark.parametrize("name", DEMOS)
def test_a_code_put_on_the_phone_is_read(name: str) -> None:
    """The quad of the gate's truth carries a code of 40 characters to a real reader."""
    code = "TB1." + "0123456789ABCDEFGHJKMNPQRSTVWXYZABCD"
    drawn = np.array(segno.make(code, error="m", micro=False).matrix, dtype=np.uint8)
    drawn = np.kron(255 * (1 - np.pad(drawn, 3)), np.ones((10, 10), np.uint8))
    side = np.asarray([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32) * len(drawn)
    reader = cv2.QRCodeDetector()
    for passage in DEMOS[name].passages:
        assert passage.code_from_s is not None
        assert passage.code_to_s is not None
        read = []
        for index in range(math.ceil(passage.code_from_s * FPS), int(passage.code_to_s * FPS)):
            quad = _truth(name, "gate").frames[index].phone_quad_px
            assert quad is not None
            picture = _frames(name, "gate")[index][1].copy()
            place = cv2.getPerspectiveTransform(side, np.asarray(quad, np.float32))
            put = cv2.warpPerspective(drawn, place, (640, 360), flags=cv2.INTER_AREA)
            mask = cv2.warpPerspective(np.full_like(drawn, 255), place, (640, 360)) > 127
            picture[mask] = put[mask, None]
            read.append(reader.detectAndDecode(picture)[0] == code)
        assert np.mean(read) > 0.8


@pytest.mark.parametrize("name", DEMOS)
def test_a_network_trained_on_photographs_finds_the_people_and_their_reaching_wrists(
    name: str,
) -> None:
    network = load_network("movenet-multipose", providers=(Provider.CPU,))
    seen = measure(DEMO / "footage" / name, "aisle", network, (384, 256), every=24)
    assert seen.people >= 7
    assert seen.found_share > 0.95
    assert len(seen.wrist_px) >= 5 * len(DEMOS[name].actions)
    if seen.wrist_px:
        assert np.median(seen.wrist_px) < 12.0


def test_a_drawn_shopper_fills_its_box(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "MUJOCO_GL", "egl")
    if ctypes.util.find_library("EGL") is None:
        missing("drawing needs libegl1, libegl-mesa0 and libgl1-mesa-dri")
    from tebura_simulator.scenes.drawing import Drawing
    from tebura_simulator.scenes.stage import Stage

    story = DEMOS["just-looking"]
    stage = Stage(story, LAYOUT)
    drawing = Drawing(stage, CAMERAS["aisle"].label, supersample=1)
    stage.set_time(0.0)
    empty = drawing.picture().astype(np.int16)
    stage.set_time(9.0)
    changed = np.abs(drawing.picture().astype(np.int16) - empty).max(2) > 16
    drawing.close()
    mesh = np.concatenate(
        [
            skinned(stage.bodies[name], posture.rotations, posture.heads_m)
            for name, posture in stage.postures.items()
        ]
    )
    pixels, _ = Lens(CAMERAS["aisle"]).project(mesh)
    hit = changed[pixels[:, 1].astype(int), pixels[:, 0].astype(int)]
    assert hit.mean() > 0.9


def test_whoever_is_not_there_is_left_out_and_nobody_else_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(os.environ, "MUJOCO_GL", "egl")
    if ctypes.util.find_library("EGL") is None:
        missing("drawing needs libegl1, libegl-mesa0 and libgl1-mesa-dri")
    from tebura_simulator.scenes.drawing import Drawing
    from tebura_simulator.scenes.stage import Stage

    stage = Stage(DEMOS["two-in-turn"], LAYOUT)
    drawing = Drawing(stage, CAMERAS["aisle"].label, supersample=1)
    passages = DEMOS["two-in-turn"].passages
    for passage in passages:
        stage.set_time((passage.enter_s + passage.leave_s) / 2)
        picture = drawing.picture()
        ids, names = drawing.segments()
        shown = {names[i].split("/", 1)[0] for i in np.unique(ids[ids >= 0])}
        assert shown & {p.shopper for p in passages} == {passage.shopper}
        left_out = stage.model.skin_group.copy()
        assert left_out.any()
        stage.model.skin_group[:] = 0
        assert np.array_equal(drawing.picture(), picture), "only what nobody sees is left out"
        stage.model.skin_group[:] = left_out
    drawing.close()
