"""Objects as parts of keys: what was made from an object is found again by that object and by no other."""

from __future__ import annotations


class Same:
    """Equal to another ``Same`` of the very same object, which is kept alive for as long as the key is.

    ``id(thing)`` in a key is not enough: once the thing is deleted, another one may get the same number.
    """

    __slots__ = ("thing",)

    def __init__(self, thing: object) -> None:
        self.thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.thing is other.thing

    def __hash__(self) -> int:
        return id(self.thing)

    def __repr__(self) -> str:
        return f"Same({type(self.thing).__name__})"
