"""One planted mistake: which text of which file is replaced by what, and which tests should notice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Mutant:
    """A mistake. ``old`` occurs once in the file, so that it is clear where the mistake is planted."""

    mistake: str
    """What is wrong then, in a sentence."""
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    """Files of tests or single tests, as pytest takes them."""
    survives: str = ""
    """Why no test notices it, for the few mistakes that need not be noticed."""

    def planted(self, source: str) -> str:
        """The file's text with the mistake."""
        found = source.count(self.old)
        if found != 1:
            raise ValueError(
                f"{self.file} contains the text of {self.mistake!r} {found} times instead of once: {self.old!r}"
            )
        return source.replace(self.old, self.new)


def mutants() -> tuple[Mutant, ...]:
    """All planted mistakes."""
    from scripts.mutants import planted_app, planted_evaluation, planted_preprocess, planted_scores

    modules = (planted_preprocess, planted_scores, planted_evaluation, planted_app)
    return tuple(mutant for module in modules for mutant in module.MUTANTS)
