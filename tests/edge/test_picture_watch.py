import numpy as np
import pytest
from numpy.typing import NDArray
from tebura_contract.clock import ns_from_s
from tebura_contract.events import SensorState
from tebura_contract.ids import CameraId
from tebura_edge.frames import Frame
from tebura_edge.picture_watch import PictureWatch, WatchLimits

PERIOD_S = 0.1
NOISE = np.random.default_rng(11)
AISLE = NOISE.integers(40, 160, (90, 160, 3)).astype(np.uint8)


def grain(scene: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same still scene as a sensor sees it: never twice the same."""
    noisy = scene + NOISE.normal(0, 1.5, scene.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def shot(picture: NDArray[np.uint8]) -> Frame:
    return Frame(CameraId("aisle"), 0, picture)


def watch_for(
    watch: PictureWatch, from_s: float, until_s: float, scene: NDArray[np.uint8], is_noisy: bool
) -> list[tuple[float, SensorState, str]]:
    """Feed a scene at 10 Hz; the changes of verdict and when they came."""
    changes = []
    verdict = watch.verdict(ns_from_s(from_s))
    for tick in range(round(from_s / PERIOD_S), round(until_s / PERIOD_S)):
        now_ns = ns_from_s(tick * PERIOD_S)
        watch.saw(shot(grain(scene) if is_noisy else scene), now_ns)
        new = watch.verdict(now_ns)
        if new.state != verdict.state:
            changes.append((tick * PERIOD_S, new.state, new.reason))
        verdict = new
    return changes


def test_an_empty_still_aisle_is_no_alarm() -> None:
    watch = PictureWatch(WatchLimits(), 0)
    assert watch_for(watch, 0, 120, AISLE, is_noisy=True) == []


@pytest.mark.parametrize(
    ("scene", "is_noisy", "reason"),
    [
        pytest.param(np.zeros_like(AISLE), True, "black", id="black"),
        pytest.param(np.full_like(AISLE, 120), True, "flat", id="covered"),
        pytest.param(AISLE, False, "frozen", id="frozen"),
    ],
)
def test_blind_is_said_within_five_seconds_and_taken_back(
    scene: NDArray[np.uint8], is_noisy: bool, reason: str
) -> None:
    watch = PictureWatch(WatchLimits(), 0)
    assert watch_for(watch, 0, 10, AISLE, is_noisy=True) == []
    [(at_s, state, said)] = watch_for(watch, 10, 20, scene, is_noisy)
    assert (state, said) == (SensorState.BLIND, reason)
    assert at_s <= 15
    since_s = watch.verdict(ns_from_s(20)).since_ns / 1e9
    assert since_s == pytest.approx(10, abs=0.25)
    [(back_s, state, _)] = watch_for(watch, 20, 30, AISLE, is_noisy=True)
    assert state is SensorState.OK
    assert 20 < back_s <= 22


def test_silence_is_lost_within_five_seconds_since_the_last_picture() -> None:
    watch = PictureWatch(WatchLimits(), 0)
    watch_for(watch, 0, 10, AISLE, is_noisy=True)
    assert watch.verdict(ns_from_s(12)).state is SensorState.OK
    verdict = watch.verdict(ns_from_s(14.9))
    assert (verdict.state, verdict.reason) == (SensorState.BLIND, "lost")
    assert verdict.since_ns == ns_from_s(9.9)


def test_a_camera_that_never_sent_is_lost_too() -> None:
    watch = PictureWatch(WatchLimits(), 0)
    assert watch.verdict(ns_from_s(5)).state is SensorState.BLIND


def test_a_few_repeated_pictures_are_not_frozen_but_unusable() -> None:
    watch = PictureWatch(WatchLimits(), 0)
    assert watch.saw(shot(AISLE), 0)
    assert not watch.saw(shot(AISLE.copy()), ns_from_s(0.1))
    assert watch.saw(shot(grain(AISLE)), ns_from_s(0.2))
    assert watch.verdict(ns_from_s(0.2)).state is SensorState.OK


def test_a_replayed_scene_may_repeat() -> None:
    watch = PictureWatch(WatchLimits(frozen_after_s=0), 0)
    assert watch_for(watch, 0, 30, AISLE, is_noisy=False) == []
    assert watch.saw(shot(AISLE), ns_from_s(31))
