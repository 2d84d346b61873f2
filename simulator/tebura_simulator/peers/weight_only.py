"""A shop with plates and a gate and no camera."""

from tebura_simulator.claims import Claims
from tebura_simulator.peers.account_book import AccountBook
from tebura_simulator.peers.heard import heard
from tebura_simulator.peers.levels import Change
from tebura_simulator.peers.planogram import Planogram
from tebura_simulator.peers.presence import Presence
from tebura_simulator.peers.traces import weighed
from tebura_simulator.peers.weighing import weigh
from tebura_simulator.recordings import layout_of
from tebura_simulator.reels import Reel


class WeightOnly:
    """What by weight; who is the only one inside, else whoever entered last.

    That somebody went it may know, as from a barrier that counts people out; recordings of stores
    with cameras hold that only as the end of a track at the gate.
    """

    @property
    def name(self) -> str:
        return "weight-only"

    def __call__(self, reel: Reel) -> Claims:
        layout = layout_of(reel)
        presence = Presence(reel, heard(reel), layout)
        plates = weighed(reel, layout)
        book = AccountBook(plates.start_ns, presence.accounts())

        def who(change: Change) -> str | None:
            inside = presence.inside(change.peak_ns)
            return inside[-1].account if inside else None

        return weigh(plates.traces, Planogram(layout), who, book).claims()
