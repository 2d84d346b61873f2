"""Importing the store metadata of the AutoCheckout competition (CPS-IoT Week 2020).

Plates are placed relative to their shelf, shelves to their gondola, gondolas to the world, in
metres with Rodrigues rotations; camera poses are in inches, intrinsics normalised by image size.
The planogram is a table of product and plate, -1 where a product stands nowhere.
"""

import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np
from tebura_contract.codec import DecodeError, decode
from tebura_contract.geometry import Intrinsics, Pose, Xy, Xyz
from tebura_contract.ids import CameraId, NodeId, ShelfId, Sku, StoreId, sku_from_name
from tebura_contract.layout import (
    Camera,
    Facing,
    Gondola,
    Layout,
    Plate,
    Product,
    Shelf,
    StoreInfo,
)
from tebura_edge.geometry import Rigid, camera_view, shelf_fronts

INCH_M = 0.0254
PLACEHOLDER_G = 1.0
"""The competition's files say 0 or 1 g where nobody weighed a product."""
UNKNOWN_WEIGHT_SD_G = 500.0
MIN_CORNERS_SEEN = 2
"""A camera watches a shelf when it sees at least this many corners of its front and its middle."""

T = TypeVar("T")


class ImportProblem(ValueError):
    """A source file that cannot be used; the text names the file and the place."""


class _Vector(msgspec.Struct, frozen=True):
    x: float
    y: float
    z: float

    def xyz(self) -> Xyz:
        return (self.x, self.y, self.z)


class _Transform(msgspec.Struct, frozen=True):
    translation: _Vector
    rotation: _Vector


class _Box(msgspec.Struct, frozen=True):
    transform: _Transform
    dim_x: float
    dim_y: float
    dim_z: float

    def pose(self) -> Pose:
        return Pose(
            translation_m=self.transform.translation.xyz(),
            rotation_rad=self.transform.rotation.xyz(),
        )


class _GondolaId(msgspec.Struct, frozen=True):
    id: int


class _ShelfId(msgspec.Struct, frozen=True):
    gondola_id: _GondolaId
    shelf_index: int


class _PlateId(msgspec.Struct, frozen=True):
    shelf_id: _ShelfId
    plate_index: int


class _Gondola(msgspec.Struct, frozen=True):
    id: _GondolaId
    coordinates: _Box


class _Shelf(msgspec.Struct, frozen=True):
    id: _ShelfId
    coordinates: _Box


class _Plate(msgspec.Struct, frozen=True):
    id: _PlateId
    coordinates: _Box


class _Gondolas(msgspec.Struct, frozen=True):
    gondolas: tuple[_Gondola, ...]


class _Shelves(msgspec.Struct, frozen=True):
    shelves: tuple[_Shelf, ...]


class _Plates(msgspec.Struct, frozen=True):
    plates: tuple[_Plate, ...]


class _Camera(msgspec.Struct, frozen=True, rename={"k": "K", "tw": "Tw"}):
    k: tuple[tuple[float, float, float], ...]
    tw: tuple[tuple[float, float, float, float], ...]
    dist_coeffs: tuple[float, ...] = ()

    def is_measured(self) -> bool:
        """The depth sensors and their colour eyes carry placeholders instead of a distortion."""
        return any(self.dist_coeffs)


class _Cameras(msgspec.Struct, frozen=True):
    cameras: dict[str, _Camera]
    world_ltrb: tuple[float, float, float, float]


class _Row(msgspec.Struct, frozen=True):
    """A line of the planogram."""

    line: int
    name: str
    gondola: int
    shelf: int
    plate: int
    weight_g: float
    price_minor: int
    sku: str


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """The files of one store. `cameras` may be absent."""

    plates: Path
    shelves: Path
    gondolas: Path
    planogram: Path
    cameras: Path | None = None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the files do not say. `minor_per_price` turns the price column into minor units."""

    store: StoreId
    name: str
    currency: str = "USD"
    country: str = "US"
    timezone: str = "America/Los_Angeles"
    minor_per_price: int = 100
    plates_node: NodeId = NodeId("plates-1")
    cameras_node: NodeId = NodeId("camera-1")
    image_size_px: tuple[int, int] = (1280, 720)


def import_store(sources: Sources, settings: Settings) -> tuple[Layout, tuple[str, ...]]:
    """Read a store's metadata.

    Returns:
        The layout, and a warning for each thing that was repaired or left out.

    Raises:
        ImportProblem: If a file cannot be read, is malformed or contradicts another.
    """
    gondolas = _read(sources.gondolas, _Gondolas).gondolas
    shelves = _read(sources.shelves, _Shelves).shelves
    plates = _read(sources.plates, _Plates).plates
    rows = _planogram(sources.planogram, settings.minor_per_price)
    _check_references(gondolas, shelves, plates, rows, sources)
    products, warnings = _products(rows)
    layout = Layout(
        store=StoreInfo(
            id=settings.store,
            name=settings.name,
            currency=settings.currency,
            country=settings.country,
            timezone=settings.timezone,
        ),
        product=products,
        gondola=tuple(
            _gondola(gondola, shelves, plates, rows, settings)
            for gondola in sorted(gondolas, key=lambda g: g.id.id)
        ),
    )
    if sources.cameras is not None:
        found = _read(sources.cameras, _Cameras)
        layout = msgspec.structs.replace(
            layout,
            store=msgspec.structs.replace(layout.store, floor_m=_floor(found.world_ltrb)),
            camera=tuple(
                _camera(n, c, layout, settings) for n, c in found.cameras.items() if c.is_measured()
            ),
        )
        unmeasured = [
            number for number, camera in found.cameras.items() if not camera.is_measured()
        ]
        if unmeasured:
            warnings += (f"cameras {', '.join(unmeasured)}: lens never measured; left out",)
    return layout, warnings


def _read(path: Path, kind: type[T]) -> T:
    try:
        return decode(path.read_bytes(), kind, limit_bytes=64 * 1024 * 1024)
    except OSError as error:
        raise ImportProblem(f"{path}: cannot be read: {error.strerror}") from error
    except DecodeError as error:
        raise ImportProblem(f"{path}: {error}") from error


def _planogram(path: Path, minor_per_price: int) -> tuple[_Row, ...]:
    needed = {"name", "gondola", "shelf", "plate", "weight_g", "price"}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = needed - set(reader.fieldnames or ())
            if missing:
                raise ImportProblem(f"{path}: line 1: no column {', '.join(sorted(missing))}")
            return tuple(
                _row(path, line, record, minor_per_price)
                for line, record in enumerate(reader, start=2)
            )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ImportProblem(f"{path}: cannot be read: {error}") from error


def _row(path: Path, line: int, record: dict[str, str], minor_per_price: int) -> _Row:
    try:
        weight_g = float(record["weight_g"])
        price_minor = round(float(record["price"]) * minor_per_price)
        row = _Row(
            line=line,
            name=record["name"].strip(),
            gondola=int(record["gondola"]),
            shelf=int(record["shelf"]),
            plate=int(record["plate"]),
            weight_g=weight_g,
            price_minor=price_minor,
            sku=(record.get("sku") or "").strip() or sku_from_name(record["name"]),
        )
    except (ValueError, TypeError, OverflowError) as error:
        raise ImportProblem(f"{path}: line {line}: {error}") from error
    if not np.isfinite(weight_g) or weight_g < 0 or price_minor < 0:
        raise ImportProblem(f"{path}: line {line}: weight_g and price must be numbers from 0 up")
    if not row.sku:
        raise ImportProblem(f"{path}: line {line}: a product without a name")
    return row


def _check_references(
    gondolas: Iterable[_Gondola],
    shelves: Iterable[_Shelf],
    plates: Iterable[_Plate],
    rows: Iterable[_Row],
    sources: Sources,
) -> None:
    known_gondolas = {gondola.id.id for gondola in gondolas}
    known_shelves = {(s.id.gondola_id.id, s.id.shelf_index) for s in shelves}
    known_plates = {
        (p.id.shelf_id.gondola_id.id, p.id.shelf_id.shelf_index, p.id.plate_index) for p in plates
    }
    for gondola, shelf in sorted(known_shelves):
        if gondola not in known_gondolas:
            raise ImportProblem(f"{sources.shelves}: shelf {gondola}/{shelf}: no such gondola")
    for gondola, shelf, plate in sorted(known_plates):
        if (gondola, shelf) not in known_shelves:
            raise ImportProblem(f"{sources.plates}: plate {gondola}/{shelf}/{plate}: no such shelf")
    for row in rows:
        place = (row.gondola, row.shelf, row.plate)
        if -1 not in place and place not in known_plates:
            name = "/".join(map(str, place))
            raise ImportProblem(f"{sources.planogram}: line {row.line}: no plate {name}")


def _products(rows: Sequence[_Row]) -> tuple[tuple[Product, ...], tuple[str, ...]]:
    first: dict[str, _Row] = {}
    warnings = []
    for row in rows:
        seen = first.setdefault(row.sku, row)
        if (seen.weight_g, seen.price_minor) != (row.weight_g, row.price_minor):
            warnings.append(f"line {row.line}: {row.sku}: weight or price differs; first one kept")
    products = []
    for row in first.values():
        is_weighed = row.weight_g > PLACEHOLDER_G
        if not is_weighed:
            warnings.append(
                f"line {row.line}: {row.sku}: {row.weight_g:g} g is no weight; place must decide"
            )
        products.append(
            Product(
                sku=Sku(row.sku),
                name=row.name,
                price_minor=row.price_minor,
                weight_g=row.weight_g if is_weighed else UNKNOWN_WEIGHT_SD_G,
                weight_sd_g=0.0 if is_weighed else UNKNOWN_WEIGHT_SD_G,
            )
        )
    return tuple(products), tuple(warnings)


def _gondola(
    gondola: _Gondola,
    shelves: Iterable[_Shelf],
    plates: Iterable[_Plate],
    rows: Iterable[_Row],
    settings: Settings,
) -> Gondola:
    box, number = gondola.coordinates, gondola.id.id
    mine = sorted(
        (shelf for shelf in shelves if shelf.id.gondola_id.id == number),
        key=lambda shelf: shelf.id.shelf_index,
    )
    return Gondola(
        id=str(number),
        store_from_gondola=box.pose(),
        size_m=(box.dim_x, box.dim_y, box.dim_z),
        shelf=tuple(_shelf(shelf, plates, rows, settings) for shelf in mine),
    )


def _shelf(
    shelf: _Shelf, plates: Iterable[_Plate], rows: Iterable[_Row], settings: Settings
) -> Shelf:
    box = shelf.coordinates
    place = (shelf.id.gondola_id.id, shelf.id.shelf_index)
    mine = sorted(
        (plate for plate in plates if plate.id.shelf_id == shelf.id),
        key=lambda plate: plate.id.plate_index,
    )
    # Rotations of plates within their shelf are all zero in these files.
    placed = {
        plate.id.plate_index: Plate(
            id=str(plate.id.plate_index),
            xy_m=plate.coordinates.transform.translation.xyz()[:2],
            size_m=(plate.coordinates.dim_x, plate.coordinates.dim_y),
        )
        for plate in mine
    }
    here = [row for row in rows if (row.gondola, row.shelf) == place]
    return Shelf(
        id=str(shelf.id.shelf_index),
        gondola_from_shelf=box.pose(),
        size_m=(box.dim_x, box.dim_y, box.dim_z),
        reports_picks=settings.plates_node,
        plate=tuple(placed.values()),
        facing=_facings(here, placed),
    )


def _facings(rows: Iterable[_Row], plates: dict[int, Plate]) -> tuple[Facing, ...]:
    """A facing is an unbroken run of plates with one product on them."""
    by_sku: defaultdict[str, set[int]] = defaultdict(set)
    for row in rows:
        by_sku[row.sku].add(row.plate)
    facings: list[Facing] = []
    for sku, numbers in by_sku.items():
        for run in _runs(sorted(numbers)):
            first, last = plates[run[0]], plates[run[-1]]
            name = f"{run[0]}" if len(run) == 1 else f"{run[0]}-{run[-1]}"
            sharing = sum(facing.id.split(".")[0] == name for facing in facings)
            facings.append(
                Facing(
                    id=f"{name}.{sharing + 1}" if sharing else name,
                    sku=Sku(sku),
                    x_m=(first.xy_m[0], last.xy_m[0] + last.size_m[0]),
                    plates=tuple(str(number) for number in run),
                )
            )
    return tuple(sorted(facings, key=lambda facing: facing.x_m))


def _runs(numbers: Sequence[int]) -> list[list[int]]:
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return runs


def _floor(world_ltrb_inch: tuple[float, float, float, float]) -> tuple[Xy, ...]:
    left, top, right, bottom = (value * INCH_M for value in world_ltrb_inch)
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def _camera(number: str, camera: _Camera, layout: Layout, settings: Settings) -> Camera:
    width, height = settings.image_size_px
    (fx, _, cx), (_, fy, cy), _ = camera.k
    intrinsics = Intrinsics(
        size_px=(width, height),
        focal_px=(fx * width, fy * height),
        center_px=(cx * width, cy * height),
        distortion=camera.dist_coeffs,
    )
    matrix = np.asarray(camera.tw, float)
    pose = Rigid(matrix[:3, :3], matrix[:3, 3] * INCH_M).pose()
    return Camera(
        label=CameraId(f"cam{number}"),
        node=settings.cameras_node,
        intrinsics=intrinsics,
        store_from_camera=pose,
        watches=_watched(intrinsics, pose, layout),
    )


def _watched(intrinsics: Intrinsics, pose: Pose, layout: Layout) -> tuple[ShelfId, ...]:
    """Shelves whose front faces the camera and lies mostly in its picture."""
    view = camera_view(intrinsics, pose)
    size = np.asarray(intrinsics.size_px, float)
    watched = []
    for name, front in shelf_fronts(layout).items():
        corners_m = front.corners_m()
        middle_m = corners_m.mean(axis=0)
        outward = -front.store_from_front.rotation[:, 1]
        if float(outward @ (view.position_m - middle_m)) <= 0:
            continue
        pixels = view.image_from_store(np.vstack([middle_m, corners_m]))
        seen = np.all((pixels >= 0) & (pixels < size), axis=1)
        if seen[0] and seen[1:].sum() >= MIN_CORNERS_SEEN:
            watched.append(name)
    return tuple(watched)
