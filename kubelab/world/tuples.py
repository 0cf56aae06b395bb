"""NamedTuples made in one step. The constructor of a NamedTuple is a Python function; where each call of a world makes ten of them, half the time
that they take is saved by going past it. All fields must be given, in their order: nothing checks them.
"""

from __future__ import annotations

new_tuple = tuple.__new__
