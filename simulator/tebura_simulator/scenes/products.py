"""Packages in the MuJoCo model: one mesh and one printed sheet a product, one geom an item."""

import re

import mujoco
import numpy as np
from tebura_contract.layout import Product

from tebura_simulator.scenes.art import Print, sheet
from tebura_simulator.scenes.forms import Form, mesh_of
from tebura_simulator.story.stocking import size_of

Colour = tuple[float, float, float]

_WORDS: tuple[tuple[str, Form], ...] = (
    # The first that is found in the name decides; sizes only where no word is known.
    (r"rice ball|onigiri", Form.ONIGIRI),
    (r"sandwich", Form.SANDWICH),
    (r"\d+ ?(pk|pack|ct)\b|six-?pack", Form.PACK),
    (r"cup noodle|yogurt cup|pudding|jelly|parfait|cups", Form.CUP),
    (r"bowl|salad|yogurt|packed cooked rice|hummus", Form.BOWL),
    (r"lunch|bento|sushi|tofu|natto|tray|fried noodles", Form.TRAY),
    (r"milk (?!choc|caramel)|juice \d+ l|soy milk|oat", Form.CARTON),
    (r"\bcan\b|canned|beer|sour 350|energy drink|tomato juice|rips|az ", Form.CAN),
    (r"\b[1-5](\.\d)? l\b|gallon", Form.JUG),
    (r"\b(water|tea|cola|soda \d|drink|juice|aloe|lemonade|hand soap|tonic|pet)\b", Form.BOTTLE),
    (r"jar|jam|honey|salsa|peanut butter|sauce", Form.JAR),
    (r"tooth ?paste|cream|tube|lotion", Form.TUBE),
    (r"melon bread|bun\b|curry bread|croissant|donut|donette|cupcake|muffin|roll\b", Form.BUN),
    (r"chip|crisp|puff|popcorn|corn\b|sliced bread|pretzel|jerky|fry bag|crackers", Form.BAG),
    (r"pouch|nuts?\b|almonds|pistachio|trail|dried|granola|gumm|candy|licorice|treat", Form.POUCH),
    (r"bar\b|chocolate\b|gum\b", Form.BAR),
    (r"book|magazine|novel", Form.BOOK),
    (r"card|toothbrush|batter|razor|cable", Form.CARD),
    (r"paper|rolls|tissue roll", Form.ROLL),
    (r"apple|orange$|peach|ball$|onion", Form.ROUND),
)
_ROUND = (Form.BOTTLE, Form.CAN, Form.JAR, Form.CUP)
_FLAT = (Form.BAG, Form.POUCH, Form.BOX, Form.BAR)


def form_of(product: Product) -> Form:
    """The shape of a product: by its name, else one that its size allows, always the same."""
    name = (product.name_en or product.name).lower()
    for words, form in _WORDS:
        if re.search(words, name):
            return form
    wide, deep, high = size_of(product)
    if high < 0.45 * max(wide, deep):
        return Form.TRAY if min(wide, deep) > 0.08 else Form.BOX
    choices = _FLAT if deep < 0.7 * wide else (Form.BOX, Form.POUCH, *_ROUND)
    return choices[sum(product.sku.encode()) % len(choices)]


def add_package(spec: mujoco.MjSpec, body: mujoco.MjsBody, product: Product, art_seed: int) -> None:
    """Give a body the geom of a package, named after it; its middle is the body's origin."""
    if spec.mesh(product.sku) is None:
        _add_mesh(spec, product)
        _add_print(spec, product, art_seed)
    geom = body.add_geom(
        type=mujoco.mjtGeom.mjGEOM_MESH,
        name=f"{body.name}/package",
        meshname=product.sku,
        material=product.sku,
    )
    geom.contype = geom.conaffinity = 0


def add_geom(
    body: mujoco.MjsBody,
    kind: mujoco.mjtGeom,
    size: list[float],
    colour: Colour,
    pos: tuple[float, float, float] = (0.0, 0.0, 0.0),
    **more: object,
) -> None:
    """A geom that is only seen: it collides with nothing."""
    geom = body.add_geom(type=kind, size=[*size, 0.0, 0.0, 0.0][:3], pos=pos, **more)
    geom.rgba = [*colour, 1.0]
    geom.contype = geom.conaffinity = 0


def _add_mesh(spec: mujoco.MjSpec, product: Product) -> None:
    shape = mesh_of(form_of(product)).scaled(np.asarray(size_of(product)) / 2)
    mesh = spec.add_mesh(name=product.sku)
    mesh.uservert = shape.vertices.ravel()
    mesh.usernormal = shape.normals().ravel()
    mesh.usertexcoord = shape.uv.ravel()
    mesh.userface = shape.faces.ravel()
    mesh.userfacenormal = mesh.userfacetexcoord = shape.faces.ravel()
    # MuJoCo moves a mesh to its centre of mass and the geom with it, so the place stays.
    mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL


def _add_print(spec: mujoco.MjSpec, product: Product, art_seed: int) -> None:
    wide, deep, high = size_of(product)
    name = product.name_en or product.name
    form = form_of(product)
    picture = sheet(Print(name, product.sku, form, wide, deep, high), art_seed)
    texture = spec.add_texture(
        name=product.sku, width=picture.shape[1], height=picture.shape[0], nchannel=3
    )
    texture.type, texture.data = mujoco.mjtTexture.mjTEXTURE_2D, picture.tobytes()
    material = spec.add_material(name=product.sku)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = product.sku
    glossy = form in (*_ROUND, Form.JUG, Form.BAG, Form.TRAY)
    material.specular, material.shininess = (0.5, 0.6) if glossy else (0.15, 0.3)
