"""The layout file: what stands where in a store, what belongs in which facing, who watches it.

One TOML file a store, read by every part. Measured values (zeros, gains, camera geometry as
measured) are not here: they live in calibration files and win over what this file says.
"""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec

from tebura_contract.config import ConfigError, load_toml
from tebura_contract.geometry import Intrinsics, Length, Pose, Xy, Xyz
from tebura_contract.ids import (
    NAME_PATTERN,
    CameraId,
    FacingId,
    GateId,
    GondolaId,
    NodeId,
    PlateId,
    ShelfId,
    Sku,
    StoreId,
    facing_id,
    gtin_from_digits,
    plate_id,
    shelf_id,
)

_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
Name = Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)]


class Table(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A table of the layout file."""


class StoreInfo(Table, frozen=True, kw_only=True):
    """The shop itself; `floor_m` is the outline of the floor shoppers walk on."""

    id: Annotated[StoreId, msgspec.Meta(pattern=NAME_PATTERN)]
    name: str
    currency: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")] = "JPY"
    country: Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$")] = "JP"
    timezone: str = "Asia/Tokyo"
    floor_m: tuple[Xy, ...] = ()


class TaxClass(StrEnum):
    """How a product is taxed; the rates are the gateway's data, by country."""

    REDUCED = "reduced"
    STANDARD = "standard"


class Product(Table, frozen=True, kw_only=True):
    """An article of the shop. Weights in grams; the price includes tax, in minor units."""

    sku: Sku
    name: str
    name_en: str = ""
    gtin: str = ""
    price_minor: Annotated[int, msgspec.Meta(ge=0)]
    tax: TaxClass = TaxClass.REDUCED
    weight_g: Annotated[float, msgspec.Meta(gt=0)]
    weight_sd_g: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    size_m: Xyz | None = None
    age_restricted: bool = False

    def __post_init__(self) -> None:
        if self.gtin and gtin_from_digits(self.gtin) != self.gtin:
            raise ValueError(f"GTIN {self.gtin!r} of {self.sku!r} must be written with 14 digits")


class Plate(Table, frozen=True, kw_only=True):
    """A weighing surface on a shelf: front left corner and size (along front, depth)."""

    id: str
    xy_m: Xy
    size_m: tuple[Length, Length]


class Facing(Table, frozen=True, kw_only=True):
    """A front-facing slot of one product: its extent along the front, the plates under it.

    A facing may lie on several plates and several facings may share one; none on a shelf without
    plates. `depth` is how many stand one behind the other when full.
    """

    id: str
    sku: Sku
    x_m: Xy
    plates: tuple[str, ...] = ()
    depth: Annotated[int, msgspec.Meta(ge=1)] = 1


class Shelf(Table, frozen=True, kw_only=True):
    """One board. `reports_picks` is the node whose word counts for what was taken here.

    On a counter nothing is sold: what shoppers lay there is listed, to be paid for. The node that
    reports its picks also runs its screen and its camera.
    """

    id: str
    gondola_from_shelf: Pose
    size_m: Xyz
    reports_picks: NodeId
    plate: tuple[Plate, ...] = ()
    facing: tuple[Facing, ...] = ()
    is_counter: bool = False


class Gondola(Table, frozen=True, kw_only=True):
    id: str
    store_from_gondola: Pose
    size_m: Xyz
    shelf: tuple[Shelf, ...] = ()


class Camera(Table, frozen=True, kw_only=True):
    """A camera named by its label, the node it hangs on, and the shelves whose fronts it sees."""

    label: Annotated[CameraId, msgspec.Meta(pattern=NAME_PATTERN)]
    node: NodeId
    intrinsics: Intrinsics
    store_from_camera: Pose
    watches: tuple[ShelfId, ...] = ()


class GateDirection(StrEnum):
    ENTRY = "entry"
    EXIT = "exit"
    BOTH = "both"


class Gate(Table, frozen=True, kw_only=True):
    """Where shoppers come in or go; `zone_m` is the floor it covers. The exit is never locked."""

    id: Annotated[GateId, msgspec.Meta(pattern=NAME_PATTERN)]
    node: NodeId
    direction: GateDirection = GateDirection.BOTH
    zone_m: tuple[Xy, ...] = ()


class Layout(Table, frozen=True, kw_only=True):
    """The whole file. Look things up through `shelves`, `plates`, `facings`, `products`."""

    store: StoreInfo
    product: tuple[Product, ...] = ()
    gondola: tuple[Gondola, ...] = ()
    camera: tuple[Camera, ...] = ()
    gate: tuple[Gate, ...] = ()

    def products(self) -> dict[Sku, Product]:
        return {product.sku: product for product in self.product}

    def shelves(self) -> dict[ShelfId, tuple[Gondola, Shelf]]:
        return {shelf_id(g.id, s.id): (g, s) for g in self.gondola for s in g.shelf}

    def plates(self) -> dict[PlateId, tuple[ShelfId, Plate]]:
        return {
            plate_id(name, plate.id): (name, plate)
            for name, (_, shelf) in self.shelves().items()
            for plate in shelf.plate
        }

    def facings(self) -> dict[FacingId, tuple[ShelfId, Facing]]:
        return {
            facing_id(name, facing.id): (name, facing)
            for name, (_, shelf) in self.shelves().items()
            for facing in shelf.facing
        }

    def counters(self) -> dict[ShelfId, NodeId]:
        """Each counter, and the node that serves it."""
        return {
            name: shelf.reports_picks
            for name, (_, shelf) in self.shelves().items()
            if shelf.is_counter
        }

    def watchers(self, shelf: ShelfId) -> frozenset[NodeId]:
        """Camera nodes that see reaches into this shelf; empty where no camera looks."""
        return frozenset(camera.node for camera in self.camera if shelf in camera.watches)

    def nodes_of_shelf(self, shelf: ShelfId) -> frozenset[NodeId]:
        """Every node whose word a decision about this shelf needs."""
        return self.watchers(shelf) | {self.shelves()[shelf][1].reports_picks}

    def nodes(self) -> frozenset[NodeId]:
        reporting = {shelf.reports_picks for g in self.gondola for shelf in g.shelf}
        return frozenset(
            reporting | {camera.node for camera in self.camera} | {gate.node for gate in self.gate}
        )


def load_layout(path: Path) -> Layout:
    """Read and check a layout file.

    Raises:
        ConfigError: With all problems, each naming its place.
    """
    layout = load_toml(path, Layout)
    problems = layout_problems(layout)
    if problems:
        raise ConfigError(path, problems)
    return layout


def layout_problems(layout: Layout) -> list[str]:
    """What contradicts itself in a well-formed layout: names used twice or never defined."""
    problems = _repeated("product", [product.sku for product in layout.product])
    problems += _repeated("gondola", [gondola.id for gondola in layout.gondola])
    problems += _repeated("camera", [camera.label for camera in layout.camera])
    problems += _repeated("gate", [gate.id for gate in layout.gate])
    known = set(layout.products())
    for gondola in layout.gondola:
        problems += _bad_part("gondola", gondola.id)
        problems += _repeated(f"gondola {gondola.id}: shelf", [s.id for s in gondola.shelf])
        for shelf in gondola.shelf:
            problems += _shelf_problems(GondolaId(gondola.id), shelf, known)
    shelves = set(layout.shelves())
    for camera in layout.camera:
        problems += [
            f"camera {camera.label}: watches shelf {name!r}, which does not exist"
            for name in camera.watches
            if name not in shelves
        ]
    return problems


def _shelf_problems(gondola: GondolaId, shelf: Shelf, known: set[Sku]) -> list[str]:
    name = shelf_id(gondola, shelf.id)
    problems = _bad_part(f"gondola {gondola}: shelf", shelf.id)
    problems += _repeated(f"shelf {name}: plate", [plate.id for plate in shelf.plate])
    plates = {plate.id for plate in shelf.plate}
    seen: dict[str, Facing] = {}
    for facing in shelf.facing:
        place = f"shelf {name}: facing {facing.id}"
        if facing.id in seen and seen[facing.id].sku != facing.sku:
            problems.append(
                f"{place} holds two products, {seen[facing.id].sku!r} and {facing.sku!r}; "
                "a facing holds one"
            )
        elif facing.id in seen:
            problems.append(f"{place} is named twice")
        seen.setdefault(facing.id, facing)
        if facing.sku not in known:
            problems.append(f"{place}: product {facing.sku!r} is not defined")
        if not facing.x_m[0] < facing.x_m[1]:
            problems.append(f"{place}: x_m must run from left to right, got {list(facing.x_m)}")
        problems += [f"{place}: no plate {p!r}" for p in facing.plates if p not in plates]
    return problems


def _repeated(what: str, names: list[str]) -> list[str]:
    twice = sorted({name for name in names if names.count(name) > 1})
    return [f"{what} {name!r} is named twice" for name in twice]


def _bad_part(what: str, name: str) -> list[str]:
    if _PART.fullmatch(name):
        return []
    return [f"{what} {name!r}: use letters, digits, '.', '_' and '-' in names"]
