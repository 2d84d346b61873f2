"""Training of networks; needs the ``train`` extra, never runs on a node."""
