"""A shop with plates, and cameras that see where people stand but not what hands do."""

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


class NearestPerson:
    """What by weight; who is the person whose foot is nearest to the plates that changed."""

    @property
    def name(self) -> str:
        return "nearest-person"

    def __call__(self, reel: Reel) -> Claims:
        layout = layout_of(reel)
        presence = Presence(reel, heard(reel), layout)
        planogram = Planogram(layout)
        plates = weighed(reel, layout)
        book = AccountBook(plates.start_ns, presence.accounts())

        def who(change: Change) -> str | None:
            place = planogram.middle_xy_m(change.shelf, change.plates)
            return presence.nearest_account(place, change.peak_ns)

        return weigh(plates.traces, planogram, who, book).claims()
