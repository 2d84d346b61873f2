"""The shared words of Tebura: what a store is, what happens in it, and how that travels.

Every other package imports this one; it imports none of ours and depends on msgspec alone.
"""
