"""What the plates of a store feel while a scenario happens: counts as a converter gives them."""

from tebura_simulator.plates.former import PlateModel, PlateTrace, simulate_plates

__all__ = ["PlateModel", "PlateTrace", "simulate_plates"]
