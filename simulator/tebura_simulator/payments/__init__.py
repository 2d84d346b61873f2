"""A payment provider that behaves like one, and on demand like one on a bad day."""
