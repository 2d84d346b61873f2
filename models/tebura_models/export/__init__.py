"""From trained weights to a file a node can open; needs the ``train`` extra."""
