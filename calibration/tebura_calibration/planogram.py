"""The planogram as a table: what stands where, out of a layout file and back into it."""

import csv
import io
from pathlib import Path

import msgspec
from tebura_contract.ids import FacingId, Sku, facing_id, shelf_id
from tebura_contract.layout import Layout

from tebura_calibration.measurement import MeasurementError

COLUMNS = ("facing", "sku", "depth")


def to_csv(layout: Layout) -> str:
    """One line a facing: its full name, the product, how many stand one behind the other."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for name, (_, facing) in layout.facings().items():
        writer.writerow([name, facing.sku, facing.depth])
    return out.getvalue()


def changed(layout: Layout, path: Path) -> tuple[Layout, tuple[str, ...]]:
    """Put the products of a table into a layout's facings; facings not named stay as they are.

    Returns:
        The new layout, and a line for each facing that changed.

    Raises:
        MeasurementError: With every line that names no facing, an unknown product or a bad depth.
    """
    wanted = _read(path, layout)
    facings = layout.facings()
    changes = tuple(
        f"{name}: {facings[name][1].sku} -> {sku}"
        for name, (sku, _) in wanted.items()
        if facings[name][1].sku != sku
    )
    gondolas = tuple(
        msgspec.structs.replace(
            gondola,
            shelf=tuple(
                msgspec.structs.replace(
                    shelf,
                    facing=tuple(
                        msgspec.structs.replace(facing, sku=new[0], depth=new[1])
                        if (new := wanted.get(facing_id(shelf_id(gondola.id, shelf.id), facing.id)))
                        else facing
                        for facing in shelf.facing
                    ),
                )
                for shelf in gondola.shelf
            ),
        )
        for gondola in layout.gondola
    )
    return msgspec.structs.replace(layout, gondola=gondolas), changes


def _read(path: Path, layout: Layout) -> dict[FacingId, tuple[Sku, int]]:
    facings, products = layout.facings(), layout.products()
    wanted: dict[FacingId, tuple[Sku, int]] = {}
    problems = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for line, record in enumerate(csv.DictReader(file), start=2):
                name, sku = FacingId(record.get("facing") or ""), Sku(record.get("sku") or "")
                depth = (record.get("depth") or "1").strip()
                if name not in facings:
                    problems.append(f"line {line}: no facing {name!r} in the layout")
                elif name in wanted:
                    problems.append(f"line {line}: facing {name} is named twice; it holds one")
                elif sku not in products:
                    problems.append(f"line {line}: product {sku!r} is not defined")
                elif not depth.isdecimal() or int(depth) < 1:
                    problems.append(f"line {line}: depth {depth!r} is no number from 1 up")
                else:
                    wanted[name] = (sku, int(depth))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise MeasurementError(f"{path}: cannot be read: {error}") from error
    if problems:
        raise MeasurementError("\n".join(f"{path}: {problem}" for problem in problems))
    return wanted
