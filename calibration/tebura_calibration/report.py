"""What is calibrated, how well, how long ago, and what is missing."""

import datetime as dt

import msgspec
from tebura_contract.calibration import Calibration
from tebura_contract.clock import SECOND_NS
from tebura_contract.ids import NodeId
from tebura_contract.layout import Layout

NOISY_G = 3.0
"""Nine in ten still store plates measured below this; above it light products hide."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing of a node: a plate, a camera, a shelf front."""

    what: str
    is_good: bool
    text: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    node: NodeId
    measured: str | None
    is_expired: bool
    findings: tuple[Finding, ...]

    @property
    def is_good(self) -> bool:
        return (
            self.measured is not None
            and not self.is_expired
            and all(finding.is_good for finding in self.findings)
        )


def report_on(layout: Layout, node: NodeId, calibration: Calibration | None, now_ns: int) -> Report:
    """Hold a node's calibration against what the layout says hangs on it."""
    findings = _plates(layout, node, calibration) + _cameras(layout, node, calibration)
    measured = None
    if calibration is not None:
        moment = dt.datetime.fromtimestamp(calibration.measured_ns / SECOND_NS, tz=dt.UTC)
        measured = moment.isoformat(timespec="seconds")
    return Report(
        node=node,
        measured=measured,
        is_expired=calibration is not None and calibration.is_expired(now_ns),
        findings=tuple(findings),
    )


def _plates(layout: Layout, node: NodeId, calibration: Calibration | None) -> list[Finding]:
    shelves = layout.shelves()
    findings = []
    for name, (shelf, _) in layout.plates().items():
        if shelves[shelf][1].reports_picks != node:
            continue
        plate = calibration.plates.get(name) if calibration else None
        if plate is None:
            findings.append(Finding(what=f"plate {name}", is_good=False, text="never tared"))
        else:
            findings.append(
                Finding(
                    what=f"plate {name}",
                    is_good=plate.noise_g <= NOISY_G,
                    text=f"{plate.counts_per_g:.1f} counts/g, noise {plate.noise_g:.2f} g",
                )
            )
    return findings


def _cameras(layout: Layout, node: NodeId, calibration: Calibration | None) -> list[Finding]:
    findings = []
    for camera in layout.camera:
        if camera.node != node:
            continue
        found = calibration.cameras.get(camera.label) if calibration else None
        text = (
            f"off by {found.reprojection_error_px:.2f} px"
            if found
            else "not measured; the layout's nominal pose is used"
        )
        findings.append(
            Finding(what=f"camera {camera.label}", is_good=found is not None, text=text)
        )
    return findings
