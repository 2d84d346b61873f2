"""``tebura-calibrate``: staff measure zeros, gains, cameras and shelves, and check the planogram.

Every measurement becomes a new dated file in the node's calibration folder; the node takes the
newest when it starts. Nothing is ever edited.
"""

import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import cv2
import msgspec
import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from tebura_contract.calibration import (
    Calibration,
    CalibrationError,
    CameraCalibration,
)
from tebura_contract.clock import Ns
from tebura_contract.codec import encode
from tebura_contract.config import ConfigError
from tebura_contract.ids import CameraId, NodeId, PlateId, ShelfId, StoreId
from tebura_contract.layout import Camera, Layout, load_layout
from tebura_edge.geometry import camera_view, shelf_fronts
from tebura_edge.recorder import RecordingError
from tebura_models.faces.pairs import PairsError
from tebura_models.loader import ModelError
from tebura_models.manifest import FACE_EMBEDDING

from tebura_calibration import folder as files
from tebura_calibration import planogram as planogram_table
from tebura_calibration.autocheckout import ImportProblem, Settings, Sources, import_store
from tebura_calibration.counts import CountsByPlate, from_line, from_recording
from tebura_calibration.gate import draw_curve, measure_gate, told, write_threshold
from tebura_calibration.layout_file import write_layout
from tebura_calibration.lens import Board, fit_lens
from tebura_calibration.measurement import MeasurementError
from tebura_calibration.plates import gained, read_at_rest, tared
from tebura_calibration.points_file import read_columns
from tebura_calibration.pose import fit_pose, front_from_pixels
from tebura_calibration.report import report_on

app = typer.Typer(
    name="tebura-calibrate",
    help=__doc__,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
layout_app = typer.Typer(no_args_is_help=True, help="Layout files.")
import_app = typer.Typer(no_args_is_help=True, help="Make a layout from another system's files.")
app.add_typer(layout_app, name="layout")
layout_app.add_typer(import_app, name="import")

Node = Annotated[str, typer.Option("--node", help="The node the sensor hangs on.")]
Folder = Annotated[Path, typer.Option("--folder", help="The node's calibration folder.")]
LayoutFile = Annotated[Path, typer.Option("--layout", help="The store's layout file.")]
Port = Annotated[str, typer.Option(help="The scale's serial port; its node must be stopped.")]
Baud = Annotated[int, typer.Option(help="Speed of the serial line.")]
OnScale = Annotated[
    str, typer.Option(help="All plates of the scale in the order of its channels, with commas.")
]
Recorded = Annotated[Path | None, typer.Option(help="Use a recording instead of a port.")]
Start = Annotated[float, typer.Option(help="Where in the recording to begin, seconds.")]
Seconds = Annotated[float, typer.Option(min=1.0, help="How long to read.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]

TROUBLE = (
    MeasurementError,
    ImportProblem,
    CalibrationError,
    ConfigError,
    RecordingError,
    OSError,
)


def _fail(problem: object) -> typer.Exit:
    typer.echo(f"tebura-calibrate: {problem}", err=True)
    return typer.Exit(2)


def _save(folder: Path, node: str, change: Callable[[Calibration], Calibration]) -> Path:
    now_ns = time.time_ns()
    before = files.newest(folder, NodeId(node))
    if before is None:
        before = Calibration(node=NodeId(node), measured_ns=Ns(now_ns))
    return files.write(folder, change(before), now_ns)


def _counts(
    recording: Path | None, port: str, baud: int, plates: str, start_s: float, seconds: float
) -> CountsByPlate:
    if recording is not None:
        return from_recording(recording, start_s, seconds)
    if not port or not plates:
        raise MeasurementError("give --port and --plates, or --recording")
    names = [PlateId(name.strip()) for name in plates.split(",")]
    with Console(stderr=True).status("reading; keep hands off the plates") as status:
        return from_line(
            port,
            baud,
            names,
            seconds,
            lambda share: status.update(f"reading; keep hands off the plates: {share:.0%}"),
        )


@app.command()
def tare(
    node: Node,
    folder: Folder,
    port: Port = "",
    plates: OnScale = "",
    baud: Baud = 115_200,
    recording: Recorded = None,
    start_s: Start = 0.0,
    seconds: Seconds = 5.0,
) -> None:
    """Measure the zero of empty plates.

    Example: tebura-calibrate tare --node plates-1 --folder calibration
    --port /dev/serial/by-id/usb-left --plates 1/1/1,1/1/2
    """
    try:
        counts = _counts(recording, port, baud, plates, start_s, seconds)
        readings = {}
        for plate, column in counts.items():
            try:
                readings[plate] = read_at_rest(column)
            except MeasurementError as error:
                raise MeasurementError(f"plate {plate}: {error}") from error

        def change(before: Calibration) -> Calibration:
            zeros = {p: tared(before.plates.get(p), r) for p, r in readings.items()}
            return msgspec.structs.replace(before, plates={**before.plates, **zeros})

        path = _save(folder, node, change)
    except TROUBLE as error:
        raise _fail(error) from error
    typer.echo(f"{len(readings)} plates tared: {path}")


@app.command()
def gain(
    node: Node,
    folder: Folder,
    plate: Annotated[str, typer.Option(help="The plate the weight lies on.")],
    weight_g: Annotated[float, typer.Option(min=1.0, help="The known weight, grams.")],
    port: Port = "",
    plates: OnScale = "",
    baud: Baud = 115_200,
    recording: Recorded = None,
    start_s: Start = 0.0,
    seconds: Seconds = 5.0,
) -> None:
    """Measure counts per gram with a known weight on a tared plate.

    Example: tebura-calibrate gain --node plates-1 --folder calibration --plate 1/1/2
    --weight-g 500 --port /dev/serial/by-id/usb-left --plates 1/1/1,1/1/2
    """
    name = PlateId(plate)
    try:
        counts = _counts(recording, port, baud, plates, start_s, seconds)
        if name not in counts:
            raise MeasurementError(f"no plate {plate} among {', '.join(sorted(counts))}")
        loaded = read_at_rest(counts[name])

        def change(before: Calibration) -> Calibration:
            if name not in before.plates:
                raise MeasurementError(f"plate {plate} was never tared; do that first")
            new = gained(before.plates[name], loaded, weight_g)
            return msgspec.structs.replace(before, plates={**before.plates, name: new})

        path = _save(folder, node, change)
    except TROUBLE as error:
        raise _fail(error) from error
    typer.echo(f"plate {plate} gained with {weight_g:g} g: {path}")


@app.command()
def camera(
    node: Annotated[str, typer.Option("--node")] = "",
    folder: Annotated[Path | None, typer.Option("--folder")] = None,
    layout: Annotated[Path | None, typer.Option("--layout")] = None,
    label: Annotated[str, typer.Option(help="The camera's label in the layout.")] = "",
    pictures: Annotated[Path | None, typer.Option(help="Pictures or a film of the board.")] = None,
    print_board: Annotated[Path | None, typer.Option(help="Write the board to print.")] = None,
    columns: int = 8,
    rows: int = 6,
    square_mm: float = 30.0,
) -> None:
    """Measure a camera's lens with a printed ChArUco board.

    Examples: tebura-calibrate camera --print-board board.png;
    tebura-calibrate camera --node camera-1 --folder calibration --layout layout.toml
    --label shop --pictures board/
    """
    board = Board(columns=columns, rows=rows, square_mm=square_mm)
    if print_board is not None:
        if not cv2.imwrite(str(print_board), board.picture()):
            raise _fail(f"{print_board}: cannot be written")
        typer.echo(f"{print_board}: print it so that a square is {square_mm:g} mm wide")
        return
    try:
        if not (node and folder and layout and label and pictures):
            raise MeasurementError("give --node, --folder, --layout, --label and --pictures")
        nominal = _camera(load_layout(layout), label)
        fit = fit_lens(_pictures(pictures), board)

        def change(before: Calibration) -> Calibration:
            known = before.cameras.get(CameraId(label))
            new = CameraCalibration(
                intrinsics=fit.intrinsics,
                store_from_camera=known.store_from_camera if known else nominal.store_from_camera,
                reprojection_error_px=fit.error_px,
            )
            return msgspec.structs.replace(before, cameras={**before.cameras, CameraId(label): new})

        path = _save(folder, node, change)
    except TROUBLE as error:
        raise _fail(error) from error
    typer.echo(
        f"camera {label}: {fit.pictures_used} of {fit.pictures_seen} pictures, "
        f"off by {fit.error_px:.2f} px: {path}"
    )


@app.command()
def floor(
    node: Node,
    folder: Folder,
    layout: LayoutFile,
    label: Annotated[str, typer.Option(help="The camera's label in the layout.")],
    points: Annotated[Path, typer.Option(help="CSV: x_px,y_px,x_m,y_m,z_m of marked points.")],
) -> None:
    """Measure where a camera stands from points whose place in the store is known.

    Example: tebura-calibrate floor --node camera-1 --folder calibration --layout layout.toml
    --label shop --points marks.csv
    """
    try:
        nominal = _camera(load_layout(layout), label)
        table = read_columns(points, ("x_px", "y_px", "x_m", "y_m", "z_m"))
        before = files.newest(folder, NodeId(node))
        known = before.cameras.get(CameraId(label)) if before else None
        intrinsics = known.intrinsics if known else nominal.intrinsics
        fit = fit_pose(intrinsics, table[:, :2], table[:, 2:])
        new = CameraCalibration(
            intrinsics=intrinsics,
            store_from_camera=fit.store_from_camera,
            reprojection_error_px=fit.error_px,
        )
        path = _save(
            folder,
            node,
            lambda old: msgspec.structs.replace(old, cameras={**old.cameras, CameraId(label): new}),
        )
    except TROUBLE as error:
        raise _fail(error) from error
    typer.echo(
        f"camera {label}: off by {fit.error_px:.2f} px; a point left out is found within "
        f"{fit.left_out_error_m * 100:.1f} cm: {path}"
    )


@app.command()
def shelf(
    node: Node,
    folder: Folder,
    layout: LayoutFile,
    label: Annotated[str, typer.Option(help="The camera that sees the shelf.")],
    name: Annotated[str, typer.Option("--shelf", help="The shelf, as gondola/shelf.")],
    corners: Annotated[
        Path, typer.Option(help="CSV: x_px,y_px of the front's corners, clockwise from top left.")
    ],
) -> None:
    """Measure a shelf's front from its corners in a camera's picture.

    Example: tebura-calibrate shelf --node camera-1 --folder calibration --layout layout.toml
    --label shop --shelf 1/2 --corners shelf.csv
    """
    try:
        store = load_layout(layout)
        nominal = _camera(store, label)
        before = files.newest(folder, NodeId(node))
        known = before.cameras.get(CameraId(label)) if before else None
        view = camera_view((known or nominal).intrinsics, (known or nominal).store_from_camera)
        fronts = shelf_fronts(store)
        if ShelfId(name) not in fronts:
            raise MeasurementError(f"{layout}: no shelf {name}")
        table = read_columns(corners, ("x_px", "y_px"))
        if len(table) != 4:
            raise MeasurementError(f"{corners}: four corners are needed, got {len(table)}")
        front, off_m = front_from_pixels(view, fronts[ShelfId(name)], table)
        path = _save(
            folder,
            node,
            lambda old: msgspec.structs.replace(
                old, shelf_fronts={**old.shelf_fronts, ShelfId(name): front}
            ),
        )
    except TROUBLE as error:
        raise _fail(error) from error
    typer.echo(f"shelf {name}: {off_m * 100:.1f} cm from where the layout has it: {path}")


@app.command()
def planogram(
    layout: LayoutFile,
    table: Annotated[
        Path | None, typer.Option(help="CSV: facing,sku,depth; without it, print that table.")
    ] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="The new layout file.")] = None,
) -> None:
    """Print which product belongs in which facing, or put a new table into the layout.

    Examples: tebura-calibrate planogram --layout layout.toml > planogram.csv;
    tebura-calibrate planogram --layout layout.toml --table planogram.csv -o layout.toml
    """
    try:
        store = load_layout(layout)
        if table is None:
            typer.echo(planogram_table.to_csv(store), nl=False)
            return
        new, changes = planogram_table.changed(store, table)
        write_layout(new, out or layout, f"Planogram of {table.name}")
    except TROUBLE as error:
        raise _fail(error) from error
    for change in changes:
        typer.echo(change)
    typer.echo(f"{len(changes)} facings changed: {out or layout}")


@app.command()
def report(layout: LayoutFile, folder: Folder, node: Node, as_json: Json = False) -> None:
    """Say what is calibrated, how well, how long ago, and what is missing.

    Ends with status 1 if something is missing, noisy or too old.
    Example: tebura-calibrate report --layout layout.toml --folder calibration --node plates-1
    """
    try:
        store = load_layout(layout)
        if node not in store.nodes():
            raise MeasurementError(f"{layout}: no node {node}; it has {sorted(store.nodes())}")
        found = report_on(store, NodeId(node), files.newest(folder, NodeId(node)), time.time_ns())
    except TROUBLE as error:
        raise _fail(error) from error
    if as_json:
        typer.echo(encode(found).decode())
    else:
        aged = " (too old)" if found.is_expired else ""
        title = f"{node}: measured {found.measured or 'never'}{aged}"
        table = Table("what", "", "found", title=title, title_justify="left")
        for finding in found.findings:
            mark = "[green]good[/]" if finding.is_good else "[red]look[/]"
            table.add_row(finding.what, mark, finding.text)
        Console().print(table)
    if not found.is_good:
        raise typer.Exit(1)


@import_app.command()
def autocheckout(
    plates: Annotated[Path, typer.Option(help="plates.json")],
    shelves: Annotated[Path, typer.Option(help="shelves.json")],
    gondolas: Annotated[Path, typer.Option(help="gondolas.json")],
    planogram: Annotated[Path, typer.Option(help="name,gondola,shelf,plate,weight_g,price")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The layout file to write.")],
    cameras: Annotated[Path | None, typer.Option(help="calibration.json")] = None,
    store: Annotated[
        str, typer.Option(help="What the store is called in topics.")
    ] = "autocheckout",
    name: Annotated[str, typer.Option(help="What people call it.")] = "AutoCheckout store",
    currency: Annotated[str, typer.Option(help="Of the price column, ISO 4217.")] = "USD",
) -> None:
    """Make a layout from the store metadata of the AutoCheckout competition.

    Example: tebura-calibrate layout import autocheckout --plates plates.json --shelves shelves.json
    --gondolas gondolas.json --cameras calibration.json --planogram planogram.csv -o layout.toml
    """
    sources = Sources(
        plates=plates, shelves=shelves, gondolas=gondolas, planogram=planogram, cameras=cameras
    )
    settings = Settings(store=StoreId(store), name=name, currency=currency)
    try:
        layout, warnings = import_store(sources, settings)
        write_layout(layout, out, f"Imported from {planogram.name} and the files beside it")
    except TROUBLE as error:
        raise _fail(error) from error
    for warning in warnings:
        typer.echo(f"{planogram.name}: {warning}", err=True)
    typer.echo(
        f"{out}: {len(layout.shelves())} shelves, {len(layout.plates())} plates, "
        f"{len(layout.product)} products, {len(layout.camera)} cameras"
    )


@app.command()
def gate(
    pairs: Annotated[Path, typer.Option(help="Pairs of pictures: file_a,file_b,same (CSV).")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The threshold file to write.")],
    network: Annotated[str, typer.Option(help="What makes vectors of faces.")] = FACE_EMBEDDING,
    most_false: Annotated[
        float, typer.Option(min=1e-6, max=0.1, help="Share of strangers accepted, at most.")
    ] = 0.005,
    data: Annotated[str, typer.Option(help="What the pictures are, for the record.")] = "",
    curve: Annotated[Path | None, typer.Option(help="Draw the errors' curve (DET).")] = None,
    as_json: Json = False,
) -> None:
    """Measure how near two faces must be to count as one person's.

    Example: tebura-calibrate gate --pairs faces/PAIRS.csv --data "40 volunteers, two cameras"
    -o face-threshold.json --curve det.png
    """
    try:
        found, compared = measure_gate(
            pairs,
            network=network,
            most_false=most_false,
            data=data or pairs.name,
            now_s=time.time(),
        )
        write_threshold(found, out)
        if curve is not None:
            draw_curve([(network, compared, found.distance)], curve)
    except (*TROUBLE, ModelError, PairsError) as error:
        raise _fail(error) from error
    if as_json:
        typer.echo(encode(found))
        return
    for line in told(found):
        typer.echo(line)
    typer.echo(str(out))


def _camera(layout: Layout, label: str) -> Camera:
    for found in layout.camera:
        if found.label == label:
            return found
    labels = ", ".join(sorted(found.label for found in layout.camera))
    raise MeasurementError(f"no camera {label!r} in the layout; it has {labels or 'none'}")


def _pictures(path: Path) -> list[NDArray[np.uint8]]:
    """Pictures of a folder, or about two a second of a film."""
    if path.is_dir():
        found = [cv2.imread(str(file)) for file in sorted(path.iterdir())]
        return [np.asarray(picture, np.uint8) for picture in found if picture is not None]
    film = cv2.VideoCapture(str(path))
    every = max(1, round((film.get(cv2.CAP_PROP_FPS) or 30) / 2))
    pictures: list[NDArray[np.uint8]] = []
    for index in itertools.count():
        if not film.grab():
            return pictures
        if index % every == 0:
            is_read, picture = film.retrieve()
            if is_read:
                pictures.append(np.asarray(picture, np.uint8))
    raise AssertionError("a film ends")


def main() -> None:
    """Entry point of the console script."""
    app(prog_name="tebura-calibrate")


if __name__ == "__main__":
    main()
