"""The method of the AutoCheckout competition's winner, from what its team published.

Theirs (AutoCheckout-CMU/AutoCheckout on GitHub and a later clean-up of it; ideas and numbers, none
of the code): the detector of `moving_deviation`. A pick is cut into one event for each group of
plates that changed by a third of the shelf's lightest product and share products. Every product of
the catalogue is scored 0.8 x arrangement + 0.2 x weight: arrangement is the share of the change on
the product's plates of this shelf, weight the overlap of two Gaussians of 10 g, around the change
and around the weight of *one* article. The best is taken, as often as its weight goes into the
change, at least once, unless the change is below 0.4 of its weight. A put-back is what fits the
weight best among all that the person has, unless it is below 0.75 of one; it then also belongs, in
the planogram, on every plate that felt a fifth of the change. Who: the person one of whose head and
wrists is nearest to the plate that changed most, at the deviation's peak or half-way through the
event, whichever comes first. Without a person the event is dropped.

Filled in: a head is taken to be `HEAD_M` above the foot, and a wrist is known only while a `Reach`
reports it, at the shelf's front edge. Where no position is told at all, the only visitor inside is
the person. Only people whom the gate let in have receipts. That competition's sensors gave persons
persistent numbers; here `presence` follows them. An event is told at its peak.
"""

import math

from tebura_contract.events import Reach
from tebura_contract.geometry import Xyz
from tebura_contract.ids import PlateId, Sku, TrackId
from tebura_contract.truth import OutcomeKind

from tebura_simulator.claims import Claims
from tebura_simulator.peers.account_book import AccountBook, fits
from tebura_simulator.peers.heard import heard
from tebura_simulator.peers.moving_deviation import Stir, stirs_of
from tebura_simulator.peers.planogram import Planogram
from tebura_simulator.peers.presence import Presence
from tebura_simulator.peers.traces import weighed
from tebura_simulator.recordings import layout_of
from tebura_simulator.reels import Reel

ARRANGEMENT = 0.8
WEIGHT = 0.2
WEIGHT_SD_G = 10.0
PLATE_PART_OF_LIGHTEST = 1 / 3
PICK_PART = 0.4
PUT_BACK_PART = 0.75
PLANOGRAM_PART = 0.2
HEAD_M = 1.6
"""Nobody tells how high heads are: all are taken to be this high."""


class Winner:
    """See the module."""

    @property
    def name(self) -> str:
        return "winner"

    def __call__(self, reel: Reel) -> Claims:
        layout = layout_of(reel)
        told = heard(reel)
        presence = Presence(reel, told, layout)
        planogram = Planogram(layout)
        plates = weighed(reel, layout)
        book = AccountBook(plates.start_ns, presence.accounts())
        reaches = [event for event in told.events if isinstance(event, Reach)]
        stirs = [
            part
            for trace in plates.traces
            for stir in stirs_of(trace)
            for part in _parts(stir, planogram)
        ]
        for stir in sorted(stirs, key=lambda stir: (stir.from_ns, stir.shelf)):
            account = _who(stir, planogram, presence, reaches)
            if account is not None and stir.delta_g > 0:
                _put_back(stir, account, planogram, book)
            elif account is not None:
                _pick(stir, account, planogram, book)
        return book.claims()


def scores(stir: Stir, planogram: Planogram) -> dict[Sku, float]:
    """What speaks for each product of the catalogue."""
    total = sum(stir.deltas_g)
    even = 1.0 / len(stir.deltas_g)
    arrangement = dict.fromkeys(planogram.weight_g, 0.0)
    for plate, delta_g in zip(stir.plates, stir.deltas_g, strict=True):
        for sku in planogram.on_plate[plate]:
            arrangement[sku] += delta_g / total if total else even
    return {
        sku: ARRANGEMENT * arrangement[sku] + WEIGHT * _overlap(abs(stir.delta_g) - weight_g)
        for sku, weight_g in planogram.weight_g.items()
    }


def _overlap(apart_g: float) -> float:
    """The area under two Gaussians of `WEIGHT_SD_G` whose means lie this far apart."""
    return math.erfc(abs(apart_g) / (2 * math.sqrt(2) * WEIGHT_SD_G))


def _parts(stir: Stir, planogram: Planogram) -> list[Stir]:
    """A pick as one event for each group of plates that share products; a put-back whole."""
    lightest_g = planogram.lightest_g(stir.shelf)
    if stir.delta_g > 0 or lightest_g is None:
        return [stir]
    least_g = PLATE_PART_OF_LIGHTEST * lightest_g
    change = dict(zip(stir.plates, stir.deltas_g, strict=True))
    active = [plate for plate, delta_g in change.items() if abs(delta_g) >= least_g]
    parts = []
    for group in planogram.groups(active):
        deltas = tuple(change[plate] if plate in group else 0.0 for plate in stir.plates)
        parts.append(_with(stir, deltas))
    return parts


def _with(stir: Stir, deltas_g: tuple[float, ...]) -> Stir:
    return Stir(
        stir.shelf, stir.plates, deltas_g, sum(deltas_g), stir.from_ns, stir.to_ns, stir.peak_ns
    )


def _pick(stir: Stir, account: str, planogram: Planogram, book: AccountBook) -> None:
    ranked = scores(stir, planogram)
    sku = max(ranked, key=lambda name: ranked[name])
    one_g = planogram.weight_g[sku]
    change_g = abs(stir.delta_g)
    if change_g >= PICK_PART * one_g:
        count = max(round(change_g / one_g), 1)
        _tell(OutcomeKind.PICK, stir, account, sku, count, ranked[sku], book)


def _put_back(stir: Stir, account: str, planogram: Planogram, book: AccountBook) -> None:
    found = fits(book.has(account), stir.delta_g, planogram)
    best = min(found, key=lambda fit: fit.error_g, default=None)
    if best is None or stir.delta_g < PUT_BACK_PART * planogram.weight_g[best.sku]:
        return
    _tell(OutcomeKind.RETURN, stir, account, best.sku, best.count, 1.0, book)
    for plate in _felt(stir):
        planogram.on_plate[plate].add(best.sku)


def _felt(stir: Stir) -> list[PlateId]:
    """Plates with a fifth of the change or more, either way."""
    least_g = PLANOGRAM_PART * abs(stir.delta_g)
    pairs = zip(stir.plates, stir.deltas_g, strict=True)
    return [plate for plate, delta_g in pairs if abs(delta_g) >= least_g]


def _tell(
    kind: OutcomeKind,
    stir: Stir,
    account: str,
    sku: Sku,
    count: int,
    score: float,
    book: AccountBook,
) -> None:
    plates = _felt(stir)
    book.book(kind, stir.peak_ns, account, stir.shelf, plates, sku, count, stir.delta_g, score)


def _who(stir: Stir, planogram: Planogram, presence: Presence, reaches: list[Reach]) -> str | None:
    """Account of the person whose head or wrist is nearest to the plate that moved most."""
    at_ns = min(stir.peak_ns, (stir.from_ns + stir.to_ns) // 2)
    _, plate = max(zip(map(abs, stir.deltas_g), stir.plates, strict=True))
    place = planogram.plate_m(stir.shelf, plate)
    points: list[tuple[TrackId, Xyz]] = [
        (track, (x, y, HEAD_M)) for track, (x, y) in presence.near(at_ns).items()
    ]
    points += [
        (reach.track, planogram.front_m(reach.shelf, reach.x_m))
        for reach in reaches
        if int(reach.from_ns) <= stir.to_ns and stir.from_ns <= int(reach.to_ns)
    ]
    away = [
        (math.dist(place, point), account)
        for track, point in points
        for account in [presence.account_of(track)]
        if account is not None
    ]
    return min(away)[1] if away else presence.only_one_inside(at_ns)
