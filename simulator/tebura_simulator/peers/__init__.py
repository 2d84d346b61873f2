"""Competitors of Tebura on the same recordings: each reads only what a recording gives a shop.

They are made to do as well as their idea allows, and share no code with Tebura's own judgement.
"""

from tebura_simulator.claims import Method
from tebura_simulator.peers.nearest_person import NearestPerson
from tebura_simulator.peers.vision_only import VisionOnly
from tebura_simulator.peers.weight_only import WeightOnly
from tebura_simulator.peers.winner import Winner

PEERS: tuple[Method, ...] = (Winner(), WeightOnly(), VisionOnly(), NearestPerson())
