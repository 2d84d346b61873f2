"""How good a network is on pictures whose truth is known; needs nothing but the network."""
