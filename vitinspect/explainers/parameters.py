"""Parameters of methods, which are declared once, with the method.

The command line is parsed by them, the window builds its widgets from them, and the docs print them.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from vitinspect.errors import ParameterError

ParameterType = Literal["int", "float", "bool", "choice"]


@dataclass(frozen=True)
class Parameter:
    """One parameter of a method: its name, type, range, default and one sentence of help."""

    name: str
    type: ParameterType
    default: Any
    help: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    optional: bool = False
    """Whether ``none`` is a value; its meaning is explained in ``help``."""
    logarithmic: bool = False
    """Whether a slider for it should be logarithmic."""

    def validate(self, value: Any, method: str) -> Any:
        """The value in its own type, or a ``ParameterError`` that says what was expected."""
        if value is None or (isinstance(value, str) and value.strip().lower() == "none"):
            # "none" may also be an ordinary choice.
            if self.type == "choice" and "none" in self.choices:
                return "none"
            if self.optional:
                return None
            raise self._error(method, value)
        if isinstance(value, str) and self.type != "choice":
            value = self._parse(value.strip(), method)
        if self.type == "bool":
            if not isinstance(value, bool):
                raise self._error(method, value)
            return value
        if self.type == "choice":
            text = str(value).strip()
            if text not in self.choices:
                raise self._error(method, value)
            return text
        if isinstance(value, bool) or (not isinstance(value, int | float) and not hasattr(value, "__float__")):
            raise self._error(method, value)
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError, RuntimeError):  # an array, or an infinite number
            raise self._error(method, value) from None
        if not math.isfinite(number) or (self.type == "int" and number != int(number)):
            raise self._error(method, value)
        if (self.minimum is not None and number < self.minimum) or (self.maximum is not None and number > self.maximum):
            raise self._error(method, value)
        return int(number) if self.type == "int" else number

    def _parse(self, text: str, method: str) -> Any:
        if self.type == "bool":
            lowered = text.lower()
            if lowered in ("true", "yes", "on", "1"):
                return True
            if lowered in ("false", "no", "off", "0"):
                return False
            raise self._error(method, text)
        try:
            return float(text)
        except ValueError:
            raise self._error(method, text) from None

    def _error(self, method: str, value: Any) -> ParameterError:
        return ParameterError(f"{method}: {self.name} must be {self.describe()}, not {reprlib.repr(value)}.")

    def describe(self) -> str:
        """What values are accepted, in words."""
        if self.type == "bool":
            text = "true or false"
        elif self.type == "choice":
            text = "one of " + ", ".join(self.choices)
        else:
            kind = "a whole number" if self.type == "int" else "a number"
            low, high = self.minimum, self.maximum
            if low is not None and high is not None:
                text = f"{kind} from {low:g} to {high:g}"
            elif low is not None:
                text = f"{kind} of at least {low:g}"
            elif high is not None:
                text = f"{kind} of at most {high:g}"
            else:
                text = kind
        return text + (" or none" if self.optional else "")


SEED = Parameter(
    "seed", "int", 0, "The seed of the random numbers; the same seed gives the same map.", minimum=0, maximum=2**31 - 1
)
"""The parameter of every method that draws random numbers."""


def format_value(value: Any) -> str:
    """A value as it is written on the command line."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
    return str(value)


def validate_all(method: str, declared: Sequence[Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """All parameters of a method in declared order, the given ones checked, the rest at their defaults."""
    known = {parameter.name: parameter for parameter in declared}
    for name in given:
        if name not in known:
            options = ", ".join(known) if known else "none"
            raise ParameterError(f"{method} has no parameter {name!r}; its parameters: {options}.")
    return {
        name: parameter.validate(given[name], method) if name in given else parameter.default
        for name, parameter in known.items()
    }


def canonical(method: str, declared: Sequence[Parameter], params: Mapping[str, Any]) -> str:
    """The canonical spelling of a method with its parameters: those at their default are left out."""
    changed = [
        f"{parameter.name}={format_value(params[parameter.name])}"
        for parameter in declared
        if params[parameter.name] != parameter.default
    ]
    return f"{method}({', '.join(changed)})" if changed else method


def parse_call(text: str) -> tuple[str, dict[str, str]]:
    """``"rollout(start_layer=1, head_fusion=max)"`` becomes its id and its parameters as text."""
    stripped = text.strip()
    if "(" not in stripped:
        if not stripped or ")" in stripped or "=" in stripped:
            raise ParameterError(f"{text!r} is not a method; write it like rollout or rollout(start_layer=1).")
        return stripped, {}
    name, _, rest = stripped.partition("(")
    if not rest.endswith(")") or "(" in rest or ")" in rest[:-1] or not name.strip():
        raise ParameterError(f"{text!r} is not a method; write it like rollout(start_layer=1).")
    params: dict[str, str] = {}
    for part in rest[:-1].split(","):
        if not part.strip():
            continue
        key, equals, value = part.partition("=")
        if not equals or not key.strip() or not value.strip():
            raise ParameterError(f"{part.strip()!r} in {text!r} is not of the form parameter=value.")
        if key.strip() in params:
            raise ParameterError(f"{key.strip()!r} occurs twice in {text!r}.")
        params[key.strip()] = value.strip()
    return name.strip(), params


def split_calls(text: str) -> list[str]:
    """Split ``"a, b(x=1,y=2), c"`` at the commas outside of brackets."""
    parts: list[str] = []
    depth = 0
    current = ""
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == "," and depth <= 0:
            parts.append(current)
            current = ""
        else:
            current += character
    parts.append(current)
    return [part.strip() for part in parts if part.strip()]
