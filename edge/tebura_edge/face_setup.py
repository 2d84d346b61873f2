"""Makes a node's line for faces, where its configuration wants one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tebura_contract.clock import Clock
from tebura_contract.faces import EnrolFault, FaceTemplate
from tebura_contract.settings import beside

from tebura_edge.clock import StoreClock
from tebura_edge.config import Setup
from tebura_edge.face_line import FaceLine
from tebura_edge.sensing import Inbox

if TYPE_CHECKING:
    from tebura_edge.face_enrol import Enroller


def open_face_line(setup: Setup, clock: Clock, store: StoreClock, inbox: Inbox) -> FaceLine | None:
    """The line to the gateway about faces; None where the node uses none."""
    face, threshold = setup.config.face, setup.face_threshold
    if face is None or threshold is None:
        return None
    enroller: Enroller | None = None

    def embed(jpegs: Sequence[bytes]) -> FaceTemplate | EnrolFault:
        # Brings OpenCV along, on the line's own thread, once somebody wants to be enrolled.
        from tebura_models.faces.reader import load_face_reader

        from tebura_edge.face_enrol import Enroller

        nonlocal enroller
        if enroller is None:
            enroller = Enroller(lambda: load_face_reader(threshold.network), threshold)
        return enroller(jpegs)

    return FaceLine(
        face.address,
        str(beside(setup.path, face.ca_file)) if face.ca_file else "",
        node=setup.node,
        key=setup.key,
        clock=clock,
        to_store_ns=store.store_ns,
        deliver=inbox.put,
        embed=embed,
    )
