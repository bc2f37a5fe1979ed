"""Mistakes in the window."""

from __future__ import annotations

from scripts.mutants.mutant import Mutant

_WALK = "tests/app/test_walk.py"
_PURE = "tests/app/test_pure.py"
_LATE = "tests/app/services/test_late_answers.py"


def _in(name: str, mistake: str, old: str, new: str, *tests: str, survives: str = "") -> Mutant:
    return Mutant(mistake, f"vitinspect/app/{name}.py", old, new, tests or (_WALK,), survives)


MUTANTS = (
    _in(
        "services/derived_maps",
        "fusion in the window ignores its weights",
        "fuse(arrays, address.mode, address.weights)",
        "fuse(arrays, address.mode)",
    ),
    _in(
        "services/derived_maps",
        "fusion keeps the prepared map of another picture",
        "key = (shown.address, address.mode, address.normalisation, size)",
        "key = (shown.address.method, address.mode, address.normalisation, size)",
    ),
    _in(
        "services/derived_maps",
        "evidence against the target is fused as evidence for it",
        'signed=shown.signed), "positive", address.mode)',
        'signed=shown.signed), "absolute", address.mode)',
    ),
    _in(
        "services/derived_maps",
        "the mask is cut at another level than that of the slider",
        "{name: min(max(value, low), high)} if name else {}",
        "{name: high} if name else {}",
    ),
    _in(
        "services/derived_maps",
        "a mask that was cut before is shown for every level",
        "if (mode, value) in kept:\n            known: Cut = kept[mode, value]",
        "if kept:\n            known: Cut = next(iter(kept.values()))",
        _LATE,
    ),
    _in(
        "services/maps",
        "maps of another picture remain",
        "if old is not None and old.address.content == where.content:",
        "if old is not None:",
        survives="a change of the picture has emptied the maps before; the comparison is a second check",
    ),
    _in(
        "services/maps",
        "maps of another target are used",
        "return where.of(method.key, target if method.info.class_specific else ())",
        "return where.of(method.key, target[:0] if method.info.class_specific else ())",
    ),
    _in(
        "services/what_if",
        "results of an old request are accepted",
        "if isinstance(result, WithoutRegion) and result.address == self._wanted:",
        "if isinstance(result, WithoutRegion):",
        _LATE,
    ),
    _in(
        "services/attention",
        "the attention of another token is accepted",
        "if isinstance(result, HeadAttention) and result.address == self._wanted():",
        "if isinstance(result, HeadAttention):",
        _LATE,
    ),
    _in(
        "services/curves",
        "curves of another fill are shown",
        "self._results.target, self._state.score_fill, self._state.score_steps)",
        'self._results.target, "black", self._state.score_steps)',
    ),
    _in(
        "services/overlaps",
        "padding in the window counts as background",
        "seen = np.where(inside, placement.mask_to_input(truth), IGNORED)",
        "seen = placement.mask_to_input(truth)",
    ),
    _in(
        "services/overlaps",
        "an older map is scored against the mask of the present target",
        "return not shown.address.target or shown.address.target == results.target",
        "return True",
        _LATE,
    ),
    _in(
        "services/pictures",
        "results for another picture are accepted",
        "        if path != self._state.image:\n            return\n",
        "        if not path:\n            return\n",
        _LATE,
    ),
    _in(
        "compute/addresses",
        "a map forgets how its picture was fitted",
        "return Address(self.content, self.model, method, target, self.precision, self.fit)",
        'return Address(self.content, self.model, method, target, self.precision, "crop")',
    ),
    _in(
        "compute/worker",
        "urgent requests wait for slow ones",
        "elif RANKS[current.kind] > RANKS[request.kind]:",
        "elif RANKS[current.kind] > RANKS[request.kind] + 100:",
        "tests/app/compute/test_worker.py",
    ),
    _in(
        "compute/worker",
        "a replaced request is started again",
        "                    current.wanted = False\n                    current.cancel.cancel()",
        "                    current.cancel.cancel()",
        "tests/app/compute/test_worker.py",
    ),
    _in(
        "geometry",
        "the picture's place in a pane takes its height for its width",
        "left, top = pane[0] / 2 - self.x * size[1] * scale, pane[1] / 2 - self.y * size[0] * scale",
        "left, top = pane[0] / 2 - self.x * size[0] * scale, pane[1] / 2 - self.y * size[1] * scale",
        _PURE,
    ),
    _in(
        "geometry",
        "zooming moves the point under the cursor",
        "moved = View(zoom, (x - (px - pane[0] / 2) / zoom) / size[1], (y - (py - pane[1] / 2) / zoom) / size[0])",
        "moved = View(zoom, x / size[1], y / size[0])",
        _PURE,
    ),
    _in(
        "geometry",
        "cells are counted from the right",
        "return left + column * width, top + row * height, left + (column + 1) * width, top + (row + 1) * height",
        "return right - (column + 1) * width, top + row * height, right - column * width, top + (row + 1) * height",
        _PURE,
    ),
    _in(
        "brush",
        "the brush covers the ends of a stroke and not the line between them",
        "along = np.clip(((x - start[0]) * dx + (y - start[1]) * dy) / length, 0, 1) if length > 0 else 0.0",
        "along = np.round(np.clip(((x - start[0]) * dx + (y - start[1]) * dy) / length, 0, 1)) if length > 0 else 0.0",
        _PURE,
    ),
    _in(
        "brush",
        "a stroke changes the mask that it began with",
        "    out = mask.copy()\n",
        "    out = mask\n",
        _PURE,
    ),
)
