"""Which product of the store a label means, with the weight it has there."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable

import msgspec
import numpy as np
from tebura_contract.ids import Gtin, Sku, gtin_from_digits, sku_from_name
from tebura_contract.layout import Layout, Product

from tebura_simulator.story.cleaned import Change
from tebura_simulator.story.labels import LabelledProduct, LabelledVisit

PLACEHOLDER_G = 1.0
"""Labels say 0 or 1 g where nobody knew the weight."""
SAME_WEIGHT = 0.03
"""Labelled and planogram weights that differ by more than this share are written down."""
_UNKNOWN = re.compile(r"\s*(unk?n?own|none|n/?a|\?*)\s*", re.IGNORECASE)


class Catalogue:
    """The store's products, and those that labels add."""

    def __init__(self, layout: Layout, visits: Iterable[LabelledVisit]) -> None:
        self.products = dict(layout.products())
        self._by_gtin = {Gtin(p.gtin): p.sku for p in layout.product if p.gtin}
        self._by_name = {sku_from_name(p.name): p.sku for p in layout.product}
        self._known_g = [p.weight_g for p in layout.product if _is_weighed(p)]
        self._prices = [p.price_minor for p in layout.product]
        labelled = [
            product
            for visit in visits
            for event in visit.events
            for product in event.label.products
        ]
        self._labelled_g: defaultdict[str, list[float]] = defaultdict(list)
        for product in labelled:
            sku, gtin = self._named(product), _gtin(product)
            if sku is not None and gtin is not None:
                self._by_gtin.setdefault(gtin, sku)
            if product.weight_g is not None and product.weight_g > PLACEHOLDER_G:
                self._labelled_g[sku_from_name(product.name)].append(product.weight_g)

    def sku_of(self, labelled: LabelledProduct, tell: Callable[[Change, str], None]) -> Sku | None:
        """The product that is meant, new ones added; None where the label does not know it."""
        sku = self._named(labelled)
        if sku is None and (gtin := _gtin(labelled)) in self._by_gtin and gtin is not None:
            sku = self._by_gtin[gtin]
            tell(Change.PRODUCT, f"{labelled.name!r} has the GTIN of {sku}: the same article")
        if sku is None and (_UNKNOWN.fullmatch(labelled.name) or not sku_from_name(labelled.name)):
            return None
        if sku is None:
            return self._added(labelled, tell)
        self._compare(labelled, self.products[sku], tell)
        return sku

    def _named(self, labelled: LabelledProduct) -> Sku | None:
        name = sku_from_name(labelled.name)
        return name if name in self.products else self._by_name.get(name)

    def _compare(
        self, labelled: LabelledProduct, product: Product, tell: Callable[[Change, str], None]
    ) -> None:
        weight_g = labelled.weight_g or 0.0
        if not _is_weighed(product):
            if weight_g > PLACEHOLDER_G:
                self.products[product.sku] = msgspec.structs.replace(
                    product, weight_g=weight_g, weight_sd_g=0.0
                )
                tell(
                    Change.WEIGHT,
                    f"the planogram does not know what {product.sku} weighs; "
                    f"the label says {weight_g:.1f} g",
                )
            return
        if weight_g <= PLACEHOLDER_G:
            tell(
                Change.WEIGHT,
                f"{weight_g:g} g is no weight of {product.sku}; "
                f"the planogram says {product.weight_g:.1f} g",
            )
        elif abs(weight_g - product.weight_g) > SAME_WEIGHT * product.weight_g:
            tell(
                Change.WEIGHT,
                f"{product.sku} is labelled {weight_g:.1f} g; "
                f"the planogram's {product.weight_g:.1f} g win",
            )

    def _added(self, labelled: LabelledProduct, tell: Callable[[Change, str], None]) -> Sku:
        sku = sku_from_name(labelled.name)
        weights = self._labelled_g[sku]
        weight_g = float(np.median(weights or self._known_g or [100.0]))
        price = round(float(np.median(self._prices or [0])))
        source = "" if weights else ", the median of the planogram as no label knows"
        tell(Change.PRODUCT, f"{sku} is not in the planogram: added, {weight_g:.1f} g{source}")
        gtin = _gtin(labelled)
        self.products[sku] = Product(
            sku=sku, name=labelled.name, gtin=gtin or "", price_minor=price, weight_g=weight_g
        )
        if gtin is not None:
            self._by_gtin.setdefault(gtin, sku)
        return sku


def _is_weighed(product: Product) -> bool:
    """Imported products of unknown weight have a spread as large as the weight."""
    return product.weight_g > PLACEHOLDER_G and product.weight_sd_g < product.weight_g


def _gtin(labelled: LabelledProduct) -> Gtin | None:
    try:
        return gtin_from_digits(str(labelled.gtin or ""))
    except ValueError:
        return None
