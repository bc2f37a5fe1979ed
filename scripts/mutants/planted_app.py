"""Mistakes in the window."""

from __future__ import annotations

from scripts.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = ()
