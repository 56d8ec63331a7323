"""What a template may use up: the budget, and the steps that could make something huge, charged before they are done."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Iterable
from typing import Any

from jinja2 import Undefined
from jinja2.runtime import Macro

CHARACTERS = 8 << 20
SECONDS = 5.0
WIDEST = 1000
_BITS = 1024
NUMBERS = (int, float)


class TooMuch(Exception):
    """A template that takes too long, or makes too much."""


class Budget:
    """What one rendering may use up."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """A new rendering: all is there again."""
        self._left, self._until = CHARACTERS, time.thread_time() + SECONDS

    def charge(self, number: int) -> None:
        """So many characters, or items, were made, or are about to be."""
        self._left -= number
        if self._left < 0:
            raise TooMuch(f"it makes more than {CHARACTERS:,} characters for one record")

    def tick(self) -> None:
        """A step."""
        self._left -= 1
        if self._left < 0 or time.thread_time() > self._until:
            self.charge(0)
            raise TooMuch(f"it works for more than {SECONDS:g} seconds on one record")

    def weigh(self, value: Any) -> None:
        """Charge everything that a value holds, however it is nested."""
        waiting = [value]
        while waiting:
            one = waiting.pop()
            if isinstance(one, str):
                self.charge(len(one))
            elif isinstance(one, (list, tuple, dict)):
                self.tick()
                self.charge(len(one))
                waiting.extend(one)
                if isinstance(one, dict):
                    waiting.extend(one.values())


class Function:
    """The only thing, beside macros, that a template can call."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function


def what(value: Any) -> str:
    """What a value is, for people."""
    names = {dict: "an object", list: "a list", tuple: "a list", type(None): "null", str: "a text", Function: "a function", Macro: "a macro"}
    return names.get(type(value), "this" if type(value) not in (int, float, bool) else "a number")


def text_of(value: Any) -> str:
    """A value as it stands in the output: null is nothing.  Errors: TypeError for what has no text."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, NUMBERS):
        return str(value)
    if isinstance(value, Undefined):
        return str(value)  # which says what is not defined
    if isinstance(value, (list, tuple)):
        raise TypeError("a list cannot be written as it is: say which of it (|first), or how (|join(', '), |json, a for loop)")
    raise TypeError(f"{what(value)} cannot be written as it is")


def calculate(sign: str, left: float, right: float) -> float:
    """One operator on two numbers, as far as the result cannot be huge."""
    bits = left.bit_length() if isinstance(left, int) else 0
    if (sign == "*" and isinstance(right, int) and bits + right.bit_length() > _BITS) or (sign == "**" and max(bits, 1) * abs(right) > _BITS):
        raise TooMuch("a number grows too large")
    result: float = _OPERATORS[sign](left, right)
    return result


_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv, "%": operator.mod, "**": operator.pow,
}


def replace(budget: Budget, text: str, old: str, new: str, count: int = -1) -> str:
    """str.replace, charged before it is done."""
    times = text.count(old) if count < 0 else min(count, text.count(old))
    budget.charge(len(text) + times * len(new))
    return text.replace(old, new, count)


def join(budget: Budget, values: Iterable[Any] | None, between: str = "") -> str:
    """str.join, charged before it is done."""
    texts = []
    for value in values if values is not None else ():
        texts.append(text_of(value))
        budget.charge(len(texts[-1]) + len(between) + 1)
    return between.join(texts)


def narrow(width: Any) -> int:
    """A width that is none to fill the memory with.  Errors: TooMuch."""
    if not isinstance(width, int) or abs(width) > WIDEST:
        raise TooMuch(f"a width is more than {WIDEST:,}")
    return width
