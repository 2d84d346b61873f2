"""What a camera makes of a picture: the same twice, noise that is new each moment, exposure."""

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from tebura_contract.ids import CameraId
from tebura_simulator.scenes.look import Lighting, Look, SensorLook
from tebura_simulator.scenes.sensor import Sensor

SIZE = (96, 54)
AISLE = CameraId("aisle")


def _picture(level: float) -> NDArray[np.uint8]:
    """Stripes around a grey level."""
    picture = np.full((SIZE[1], SIZE[0], 3), level, np.uint8)
    picture[:, ::16] = min(255, int(level * 1.5))
    return picture


def _sensor(sensor: SensorLook, lighting: Lighting | None = None) -> Sensor:
    look = msgspec.structs.replace(
        Look.plain(3), sensor=sensor, lighting=lighting or Lighting(kelvin=4600.0)
    )
    return Sensor(look, AISLE, SIZE)


def test_a_perfect_sensor_passes_the_picture_on() -> None:
    picture = _picture(90)
    assert np.array_equal(_sensor(SensorLook()).expose([picture], 1.0), picture)


@pytest.mark.parametrize("seed", range(6))
def test_the_same_moment_gives_the_same_frame_another_gives_other_noise(seed: int) -> None:
    sensor = Sensor(Look.drawn(seed), AISLE, SIZE)
    again = Sensor(Look.drawn(seed), AISLE, SIZE)
    picture = _picture(110)
    first = sensor.expose([picture], 2.0)
    assert np.array_equal(first, again.expose([picture], 2.0))
    assert not np.array_equal(first, sensor.expose([picture], 2.1))


def test_two_cameras_of_a_shop_have_noise_of_their_own() -> None:
    look = Look.drawn(1)
    one, other = (Sensor(look, CameraId(label), SIZE) for label in ("left", "right"))
    assert not np.array_equal(one.expose([_picture(90)], 1.0), other.expose([_picture(90)], 1.0))


def test_exposure_brightens_a_dark_shop_but_leaves_it_darker_than_a_bright_one() -> None:
    sensor = _sensor(SensorLook(vignette=0.01))
    dark, bright = (sensor.expose([_picture(level)], 0.0).mean() for level in (50, 140))
    assert 50 < dark < bright


def test_noise_grows_with_brightness_when_it_is_of_photons() -> None:
    sensor = _sensor(SensorLook(shot=6.0))
    picture = np.zeros((54, 96, 3), np.uint8)
    picture[:, :48], picture[:, 48:] = 30, 200
    frame = sensor.expose([picture], 0.0).astype(float)
    assert frame[:, 52:92].std() > 1.5 * frame[:, 4:44].std()


def test_what_moved_while_a_frame_was_exposed_is_seen_in_both_places() -> None:
    sensor = _sensor(SensorLook(exposure_s=0.02))
    before, after = (np.full((54, 96, 3), 60, np.uint8) for _ in range(2))
    before[20:30, 20:24] = after[20:30, 60:64] = 240
    frame = sensor.expose([before, after], 0.0)
    still = frame[5, 5, 1]
    assert frame[25, 22, 1] > still + 30
    assert frame[25, 62, 1] > still + 30


def test_a_long_exposure_gathers_several_moments_around_its_own() -> None:
    moments = _sensor(SensorLook(exposure_s=0.02)).moments(5.0)
    assert len(moments) > 1
    assert np.mean(moments) == pytest.approx(5.0)
    assert max(moments) - min(moments) < 0.02
    assert _sensor(SensorLook(exposure_s=0.001)).moments(5.0) == (5.0,)


def test_lamps_that_flicker_beat_with_the_frames_unless_exposure_spans_whole_swings() -> None:
    lamps = Lighting(kelvin=4600.0, flicker=0.2, mains_hz=50.0)
    levels = {
        exposure_s: [
            float(
                _sensor(SensorLook(exposure_s=exposure_s), lamps).expose([_picture(90)], t).mean()
            )
            for t in np.arange(10) / 30
        ]
        for exposure_s in (0.002, 0.01)
    }
    assert np.ptp(levels[0.002]) > 8
    assert np.ptp(levels[0.01]) < 1


def test_noise_in_colours_so_saturated_that_one_of_them_is_below_black_is_still_noise() -> None:
    red = np.zeros((54, 96, 3), np.uint8)
    red[..., 0] = 255
    look = SensorLook(shot=6.0, saturation=1.45)
    with np.errstate(all="raise"):
        frame = _sensor(look).expose([red], 0.0)
    assert frame[..., 0].min() > 200
    assert frame[..., 1].max() < 60
