"""Which product is in a picture: a shop's photographs make an index, pictures are held to it."""
