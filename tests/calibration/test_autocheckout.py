"""The importer, on a store of our own in the competition's form and on the real one if present."""

import json
from pathlib import Path

import numpy as np
import pytest
from tebura_calibration.autocheckout import ImportProblem, Settings, Sources, import_store
from tebura_calibration.layout_file import write_layout
from tebura_contract.geometry import Pose
from tebura_contract.ids import FacingId, PlateId, ShelfId, Sku, StoreId
from tebura_contract.layout import load_layout
from tebura_edge.geometry import camera_view, shelf_fronts

SETTINGS = Settings(store=StoreId("aisle"), name="Aisle")
PLANOGRAM = """name,gondola,shelf,plate,weight_g,price
Green Tea,1,2,1,520,1.5
Green Tea,1,2,2,520,1.5
Cookies,1,2,3,99.5,2
Mystery,-1,-1,-1,0,1
"""


def box(x: float, y: float, z: float, size: tuple[float, float, float]) -> dict[str, object]:
    zero = {"x": 0, "y": 0, "z": 0}
    place = {"translation": {"x": x, "y": y, "z": z}, "rotation": zero}
    return {"transform": place, "dim_x": size[0], "dim_y": size[1], "dim_z": size[2]}


def small_store(folder: Path, planogram: str = PLANOGRAM) -> Sources:
    gondola, shelf = {"id": 1}, {"gondola_id": {"id": 1}, "shelf_index": 2}
    trees = {
        "gondolas": [{"id": gondola, "coordinates": box(1, 2, 0, (0.3, 0.03, 2))}],
        "shelves": [{"id": shelf, "coordinates": box(0, -0.4, 0.9, (0.3, 0.4, 0.25))}],
        "plates": [
            {
                "id": {"shelf_id": shelf, "plate_index": i + 1},
                "coordinates": box(0.1 * i, 0, 0, (0.1, 0.4, 0)),
            }
            for i in range(3)
        ],
    }
    for name, tree in trees.items():
        (folder / f"{name}.json").write_text(json.dumps({name: tree}))
    (folder / "planogram.csv").write_text(planogram)
    return Sources(
        plates=folder / "plates.json",
        shelves=folder / "shelves.json",
        gondolas=folder / "gondolas.json",
        planogram=folder / "planogram.csv",
    )


def test_a_product_over_neighbouring_plates_is_one_facing(tmp_path: Path) -> None:
    layout, _ = import_store(small_store(tmp_path), SETTINGS)
    shelf, facing = layout.facings()[FacingId("1/2/1-2")]
    assert (shelf, facing.sku, facing.plates) == (ShelfId("1/2"), "green-tea", ("1", "2"))
    assert facing.x_m == pytest.approx((0.0, 0.2))
    assert layout.products()[Sku("cookies")].price_minor == 200


def test_a_product_nobody_weighed_is_kept_and_said(tmp_path: Path) -> None:
    layout, warnings = import_store(small_store(tmp_path), SETTINGS)
    assert Sku("mystery") in layout.products()
    assert any("line 5" in warning and "mystery" in warning for warning in warnings)


def test_the_written_file_reads_back_as_the_same_layout(tmp_path: Path) -> None:
    layout, _ = import_store(small_store(tmp_path), SETTINGS)
    write_layout(layout, tmp_path / "layout.toml", "a note")
    assert load_layout(tmp_path / "layout.toml") == layout


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        pytest.param("99.5", "heavy", "line 4", id="no-number"),
        pytest.param("99.5", "nan", "line 4", id="nan"),
        pytest.param("1,2,3", "1,2,9", "line 4: no plate 1/2/9", id="no-such-plate"),
        pytest.param("weight_g", "weight", "line 1: no column weight_g", id="column-missing"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, old: str, new: str, says: str) -> None:
    sources = small_store(tmp_path, PLANOGRAM.replace(old, new))
    with pytest.raises(ImportProblem, match=says):
        import_store(sources, SETTINGS)


def test_the_real_store_has_its_plates_cameras_and_fronts(shared_data: Path) -> None:
    folder = shared_data / "store-aifi"
    sources = Sources(
        plates=folder / "plates.json",
        shelves=folder / "shelves.json",
        gondolas=folder / "gondolas.json",
        planogram=folder / "planogram.csv",
        cameras=folder / "calibration.json",
    )
    layout, _ = import_store(sources, SETTINGS)
    # The counts are those the data's own description gives.
    assert (len(layout.gondola), len(layout.shelves()), len(layout.plates())) == (5, 30, 306)
    assert len(layout.camera) == 12
    assert layout.plates()[PlateId("1/1/1")][1].size_m == pytest.approx((0.102, 0.406), abs=1e-3)
    fronts = shelf_fronts(layout)
    # Gondola 5 stands across the aisle: its front looks along -x, the others' along -y.
    outward = {n: -f.store_from_front.rotation[:, 1] for n, f in fronts.items()}
    assert np.allclose(outward[ShelfId("1/1")], [0, -1, 0], atol=1e-3)
    assert np.allclose(outward[ShelfId("5/1")], [-1, 0, 0], atol=1e-3)
    for camera in layout.camera:
        view = camera_view(camera.intrinsics, camera.store_from_camera)
        assert 2.0 < view.position_m[2] < 2.8
        assert isinstance(camera.store_from_camera, Pose)
    watched = {shelf for camera in layout.camera for shelf in camera.watches}
    assert watched == set(layout.shelves())
