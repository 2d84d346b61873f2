"""Packages of a drawn store: their shapes, what is printed on them."""

import numpy as np
import pytest
from tebura_contract.ids import Sku
from tebura_contract.layout import Product
from tebura_simulator import stores
from tebura_simulator.scenes.art import SHEET_PX, Print, sheet
from tebura_simulator.scenes.forms import TOP, Form, mesh_of
from tebura_simulator.scenes.products import form_of


def _product(name: str) -> Product:
    sku = Sku(name.lower().replace(" ", "-"))
    return Product(sku=sku, name=name, price_minor=100, weight_g=100.0, size_m=(0.07, 0.07, 0.2))


@pytest.mark.parametrize("form", Form)
def test_a_form_fills_its_box_and_lies_on_its_sheet(form: Form) -> None:
    mesh = mesh_of(form)
    assert mesh.vertices.min() == pytest.approx(-1.0, abs=0.08)
    assert mesh.vertices.max() == pytest.approx(1.0, abs=0.08)
    assert np.abs(mesh.vertices).max() <= 1.0 + 1e-9
    assert mesh.uv.min() >= 0.0
    assert mesh.uv.max() <= 1.0
    assert mesh.faces.max() < len(mesh.vertices)


@pytest.mark.parametrize("form", Form)
def test_a_forms_front_shows_the_middle_of_its_sheet_the_right_way_round(form: Form) -> None:
    """Else names would be mirrored or on the back."""
    mesh = mesh_of(form)
    normals, uv = mesh.normals(), mesh.uv
    front = (normals[:, 1] < -0.4) & (np.abs(uv[:, 0] - 0.5) < 0.3) & (uv[:, 1] > 0.999 * TOP)
    assert front.any()
    if form is not Form.PACK:
        x, u = mesh.vertices[front, 0], uv[front, 0]
        assert np.corrcoef(x, u)[0, 1] > 0.9
        z, v = mesh.vertices[front, 2], uv[front, 1]
        assert np.corrcoef(z, v)[0, 1] < -0.9


@pytest.mark.parametrize("form", Form)
def test_normals_look_outward(form: Form) -> None:
    mesh = mesh_of(form)
    if form is Form.PACK:
        return
    out = np.einsum("ij,ij->i", mesh.normals(), mesh.vertices)
    assert (out > -0.3).mean() > 0.9


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("Green tea 525 ml", Form.BOTTLE),
        ("Chocolate bar", Form.BAR),
        ("Canned coffee, black", Form.CAN),
        ("Cola 1.5 l", Form.JUG),
        ("Rice ball, salmon", Form.ONIGIRI),
        ("Milk 1 l", Form.CARTON),
        ("Potato chips, salted", Form.BAG),
        ("Arrowhead 28pk", Form.PACK),
        ("Cup noodles, curry", Form.CUP),
    ],
)
def test_a_products_name_says_its_shape(name: str, form: Form) -> None:
    assert form_of(_product(name)) is form


def test_stores_sell_a_dozen_shapes() -> None:
    products = [p for name in stores.names() for p in stores.store(name)[0].product]
    assert len({form_of(product) for product in products}) >= 12


def test_a_product_looks_the_same_in_a_store_and_other_in_one_with_other_prints() -> None:
    given = Print("Green tea 525 ml", "green-tea", Form.BOTTLE, 0.07, 0.07, 0.2)
    same = Print("Green tea 525 ml", "green-tea", Form.BOTTLE, 0.07, 0.07, 0.2)
    sheet.cache_clear()
    first = sheet(given, 4).copy()
    sheet.cache_clear()
    assert np.array_equal(first, sheet(same, 4))
    assert np.abs(first.astype(int) - sheet(given, 5)).mean() > 5


@pytest.mark.parametrize("form", Form)
def test_every_form_has_a_print_of_many_colours(form: Form) -> None:
    picture = sheet(Print("Butter biscuits", "b", form, 0.1, 0.05, 0.15), 1)
    assert picture.shape == (SHEET_PX[1], SHEET_PX[0], 3)
    numbers = picture.astype(np.int32) @ np.array([1, 256, 65536])
    assert len(np.unique(numbers)) > 40
