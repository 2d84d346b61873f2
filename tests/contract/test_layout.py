from pathlib import Path

import pytest
from tebura_contract.config import ConfigError
from tebura_contract.ids import FacingId, NodeId, PlateId, ShelfId, Sku
from tebura_contract.layout import Layout, load_layout

GOOD = """
[store]
id = "corner"
name = "Corner shop"

[[product]]
sku = "tea"
name = "Green tea"
price_minor = 150
weight_g = 525

[[gondola]]
id = "1"
size_m = [1.2, 0.5, 1.8]
store_from_gondola = { translation_m = [1.0, 2.0, 0.0] }

  [[gondola.shelf]]
  id = "2"
  gondola_from_shelf = { translation_m = [0.0, 0.0, 0.9] }
  size_m = [1.2, 0.4, 0.3]
  reports_picks = "plates-1"

    [[gondola.shelf.plate]]
    id = "7"
    xy_m = [0.0, 0.0]
    size_m = [0.1, 0.4]

    [[gondola.shelf.facing]]
    id = "a"
    sku = "tea"
    x_m = [0.0, 0.1]
    plates = ["7"]

[[camera]]
label = "shop"
node = "camera-1"
intrinsics = { size_px = [640, 360], focal_px = [500.0, 500.0], center_px = [320.0, 180.0] }
store_from_camera = { translation_m = [0.0, 0.0, 2.5] }
watches = ["1/2"]
"""


def layout_of(tmp_path: Path, text: str) -> Layout:
    path = tmp_path / "layout.toml"
    path.write_text(text, encoding="utf-8")
    return load_layout(path)


def problems_of(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        layout_of(tmp_path, text)
    assert "layout.toml" in str(error.value)
    return error.value.problems


def test_a_layout_is_looked_up_by_full_names(tmp_path: Path) -> None:
    layout = layout_of(tmp_path, GOOD)
    assert layout.plates()[PlateId("1/2/7")][0] == ShelfId("1/2")
    assert layout.facings()[FacingId("1/2/a")][1].sku == "tea"
    assert layout.products()[Sku("tea")].price_minor == 150
    assert layout.nodes_of_shelf(ShelfId("1/2")) == {NodeId("plates-1"), NodeId("camera-1")}


def test_two_products_on_one_facing_name_facing_and_products(tmp_path: Path) -> None:
    second = """
    [[gondola.shelf.facing]]
    id = "a"
    sku = "cola"
    x_m = [0.0, 0.1]
"""
    text = GOOD.replace("[[camera]]", second + "\n[[camera]]")
    found = problems_of(tmp_path, text)
    assert any("1/2" in p and "facing a" in p and "'tea'" in p and "'cola'" in p for p in found)


def test_all_problems_are_reported_together_with_their_places(tmp_path: Path) -> None:
    text = GOOD.replace("price_minor = 150", 'price_minor = "150"\nprise = 3').replace(
        "focal_px", "focal_length"
    )
    found = problems_of(tmp_path, text)
    assert any(p.startswith("product[0].price_minor: ") for p in found)
    assert any(p.startswith("product[0].prise: unknown key") for p in found)
    assert any(p.startswith("camera[0].intrinsics.focal_px: missing") for p in found)
    assert any("focal_length: unknown key" in p for p in found)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        pytest.param('plates = ["7"]', 'plates = ["8"]', "no plate '8'", id="plate-unknown"),
        pytest.param('watches = ["1/2"]', 'watches = ["1/3"]', "1/3", id="shelf-unknown"),
        pytest.param('sku = "tea"\nx', 'sku = "mate"\nx', "'mate' is not", id="sku-unknown"),
        pytest.param("x_m = [0.0, 0.1]", "x_m = [0.2, 0.1]", "left to right", id="extent"),
        pytest.param("weight_g = 525", "weight_g = -1", "weight_g", id="negative-weight"),
        pytest.param("weight_g = 525", "weight_g = nan", "weight_g", id="nan-weight"),
        pytest.param('id = "corner"', 'id = "Corner Shop"', "store.id", id="store-name"),
        pytest.param("price_minor = 150", "price_minor = 150.5", "price_minor", id="float-price"),
    ],
)
def test_each_mistake_is_refused_by_its_place(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    text = GOOD.replace("    sku", "sku").replace("    x_m", "x_m")
    assert old in text
    assert any(says in problem for problem in problems_of(tmp_path, text.replace(old, new, 1)))


def test_a_missing_file_and_broken_toml_are_clear(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml:\n +cannot be read"):
        load_layout(tmp_path / "absent.toml")
    assert problems_of(tmp_path, "[store")[0].startswith("is no TOML")
