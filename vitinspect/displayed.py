"""How maps show themselves in Python: methods of ``AttributionMap`` and ``Explanation`` that draw and save.

Maps do not import figures. ``vitinspect/__init__.py`` names the module that draws, so that nothing here imports from a
higher layer, and neither numpy nor torch is loaded before something is drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, eq=False)
class Origin:
    """What a map belongs to: the picture, where the model's input lies on it, and the model."""

    image: Any
    """As it was passed in: a path, a picture, an array; or a preprocessed tensor."""
    placement: Any
    """None for preprocessed tensors."""
    model_name: str
    model_source: str
    labels: Any = ()
    mode: str = "crop"
    precision: str = "float32"
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    """With ``mean``: what turns a preprocessed tensor back into a picture."""
    model: Callable[[], Any] | None = None
    """A weak reference to the model, for the fingerprint in a saved figure."""

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "model": None}  # a weak reference cannot be pickled


_source: Callable[[], Any] | None = None


def drawn_by(source: Callable[[], Any]) -> None:
    """Name the module that draws. ``source`` is called when something is first drawn, and not before."""
    global _source
    _source = source


def _drawing() -> Any:
    if _source is None:
        raise RuntimeError("no module that draws maps is set: call drawn_by first")
    return _source()


class Displayed:
    """What a map and an explanation have in common: they can be looked at, saved, and made into a table."""

    def show(self, ax: Any = None, **look: Any) -> Any:
        """Show it: in a notebook below the cell, else in the system's image viewer.

        ``ax``: axes of matplotlib (for an explanation with several maps a list of them), which are drawn on instead
        and returned. ``look``: as for ``overlay``.
        """
        return _drawing().show(self, ax, **look)

    def save(
        self, path: Any, *, width: str = "", dpi: int = 300, anonymous: bool = False, recipe: bool = True, **look: Any
    ) -> Any:
        """Write a figure: the picture, and each map with its colour bar. Returns the path.

        ``width`` is a length such as "88mm"; without it, 44 mm for each picture up to 174 mm. ``path`` ends with .pdf,
        .svg, .png, .tiff or .jpg. The figure records how it was made, without the names of files if ``anonymous``, and
        not at all without ``recipe``. A file that vitinspect did not write is never replaced. ``look``: as for
        ``overlay``, and ``threshold="otsu"`` for an outline.
        """
        return _drawing().save(self, path, width=width, dpi=dpi, anonymous=anonymous, recipe=recipe, **look)

    def to_dataframe(self) -> Any:
        """The raw values as a table of pandas: method, target, row, column, value."""
        return _drawing().to_dataframe(self)

    def _repr_png_(self) -> bytes | None:
        return _drawing().png_or_nothing(self)

    def _repr_html_(self) -> str | None:
        return _drawing().html_or_nothing(self)


class DisplayedMap(Displayed):
    """What a single map can do in addition."""

    def overlay(self, **look: Any) -> Any:
        """The picture with the map over it, as a PIL image of the picture's size.

        ``look``: ``colours`` ("auto", "inferno", "viridis", ...), ``opacity``, ``by_value`` (opacity grows with the
        value), ``patches`` (exact patches instead of a smooth map), ``range`` (raw values at the ends of the colours),
        ``frame`` (a line around what the model saw).
        """
        return _drawing().overlay(self, **look)

    def mask(self, how: str = "otsu") -> Any:
        """The map cut by a threshold, as booleans on the picture's pixels: "otsu", "fixed=0.5", "top_fraction=0.1"."""
        return _drawing().mask(self, how)


class DisplayedMaps(Displayed):
    """What an explanation can do in addition: with its only map, or with the one that is named."""

    def overlay(self, method: Any = None, **look: Any) -> Any:
        """The picture with the map of ``method`` over it; see ``AttributionMap.overlay``."""
        return _drawing().overlay(_drawing().one_of(self, method), **look)

    def mask(self, how: str = "otsu", method: Any = None) -> Any:
        """The map of ``method`` cut by a threshold; see ``AttributionMap.mask``."""
        return _drawing().mask(_drawing().one_of(self, method), how)
