"""What a gate's camera sees of a face: numbers for one entry, in memory only.

Nothing here is recorded, stored or sent. Vectors are made only while somebody claims to be a
member; of people who just pass there are none.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Motion:
    """How the face has moved since it was first followed, in distances of the eyes.

    `moved` is the median way of its corners; `relief` what one homography leaves of their ways
    (the median); `around` by how much what is about the head misses the way that this homography
    takes; None where too little of it can be followed.
    """

    moved: float
    relief: float
    around: float | None


@dataclass(frozen=True, eq=False, slots=True)
class FaceSeen:
    """The largest face of one frame.

    `track` changes when it was lost from sight. `aside` and `down` say how it is turned
    (`tebura_models.faces.mesh.Pose`). `fault` is why it cannot be compared, "" if it can; only
    then there is a `vector`. `others` is how many more faces are about as near. `points` are those
    of the network, (468, 2) in the picture's pixels; `glow` is how bright it is there, (468, 3).
    """

    camera: str
    at_ns: int
    track: int
    aside: float
    down: float
    fault: str
    others: int
    motion: Motion | None
    vector: NDArray[np.float32] | None = field(repr=False)
    points: NDArray[np.float32] | None = field(default=None, repr=False)
    glow: NDArray[np.float32] | None = field(default=None, repr=False)
