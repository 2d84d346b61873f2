from pathlib import Path

import pytest
from tebura_contract.calibration import (
    Calibration,
    CalibrationError,
    PlateCalibration,
    dump_calibration,
    load_calibration,
)
from tebura_contract.clock import SECOND_NS, Ns
from tebura_contract.ids import NodeId, PlateId

CALIBRATION = Calibration(
    node=NodeId("plates-1"),
    measured_ns=Ns(1_700_000_000 * SECOND_NS),
    max_age_days=30,
    plates={PlateId("1/1/1"): PlateCalibration(tare_counts=8123.5, counts_per_g=412.25)},
)


def test_a_calibration_file_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(dump_calibration(CALIBRATION))
    assert load_calibration(path) == CALIBRATION


def test_an_altered_file_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(dump_calibration(CALIBRATION).replace(b"412.25", b"412.26"))
    with pytest.raises(CalibrationError, match=r"a\.json: SHA-256"):
        load_calibration(path)


@pytest.mark.parametrize("keep", [0, 1, 40, 200])
def test_a_file_cut_short_is_refused(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(dump_calibration(CALIBRATION)[:keep])
    with pytest.raises(CalibrationError, match=r"a\.json"):
        load_calibration(path)


def test_calibration_ages() -> None:
    month_ns = 30 * 86_400 * SECOND_NS
    assert not CALIBRATION.is_expired(CALIBRATION.measured_ns + month_ns)
    assert CALIBRATION.is_expired(CALIBRATION.measured_ns + month_ns + 1)
