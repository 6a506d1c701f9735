"""Recorded figures, computed again with this package: `pytest tests/reference --vectors DIR`.

Two kinds of folder are understood, told apart by their manifest. One holds PRIME's equations (1) to (11), evaluated
loop by loop in float64 (`equations.py`); the other holds what the published code of other methods returned (`cases.py`
reads it, `peers.py`, `features.py` and `losses.py` say which call of ours corresponds to which array of theirs)."""
