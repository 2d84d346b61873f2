"""Faces: where they are, whether they can be compared, and numbers that tell people apart.

`finding` finds them, `mesh` says how they are turned, `quality` whether they will do, `encoding`
makes vectors of them, `pairs` judges all of that on photographs.
"""
