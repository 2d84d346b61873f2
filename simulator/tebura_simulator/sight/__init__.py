"""Who-evidence without pixels: what cameras and gates of a store say while a scenario happens."""
