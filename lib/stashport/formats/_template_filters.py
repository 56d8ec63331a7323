"""The filters of templates that are our own: texts, numbers, dates and sizes for people, names and records by reference, paths, and escapes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from jinja2 import pass_eval_context
from jinja2.filters import do_title
from jinja2.nodes import EvalContext
from markupsafe import Markup, escape

from stashport.atomic import human_size
from stashport.errors import BadRequest
from stashport.formats._budget import Budget, TooMuch, join, narrow, replace, text_of
from stashport.model.records import dumps

_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d))?)?)?)?")
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")
_PARTS = "YmdHMS"
_FORMAT = re.compile(r"%(?:(%)|([-+ 0]*)(\d{0,4})(?:\.(\d{1,4}))?([sdfx]))")
_BREAKS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
_NO_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~&])")
_DIGITS = 400
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")

Filters = dict[str, Callable[..., Any]]


def date(value: str | None, form: str = "%Y-%m-%d") -> str:
    """A date or a time in another form (%Y %m %d %H %M %S %B %b); what has not all of the parts that the form wants stays as it is."""
    found = _DATE.match(text_of(value))
    if not found:
        return text_of(value)
    if form == "%Y-%m-%d":
        return found[0][:10]
    parts = dict(zip(_PARTS, found.groups(), strict=True))
    month = _MONTHS[int(parts["m"]) - 1] if parts["m"] and 1 <= int(parts["m"]) <= 12 else None
    known: dict[str, str | None] = {**parts, "B": month, "b": month[:3] if month else None, "%": "%"}
    wanted = re.findall(r"%(.)", form)
    if any(one not in known for one in wanted):
        raise ValueError(f"a date has no {', '.join('%' + one for one in wanted if one not in known)}")
    if any(known[one] is None for one in wanted):
        return text_of(value)
    return re.sub(r"%(.)", lambda match: known[match[1]] or "", form)


def duration(value: float | None) -> str:
    """Seconds as 1:02:03."""
    if value is None:
        return ""
    seconds = max(round(value), 0)
    hours, minutes, rest = seconds // 3600, seconds // 60 % 60, seconds % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def size(value: float | None) -> str:
    """Bytes as 4.3 MB."""
    return "" if value is None else human_size(value)


def whole(value: Any, default: int = 0) -> int:
    """A whole number."""
    try:
        return default if isinstance(value, str) and len(value) > _DIGITS else int(value)
    except (TypeError, ValueError, OverflowError):
        return default


def real(value: Any, default: float = 0.0) -> float:
    """A number."""
    try:
        return default if isinstance(value, str) and len(value) > _DIGITS else float(value)
    except (TypeError, ValueError, OverflowError):
        return default


def rounded(value: float, precision: Any = 0) -> float:
    """A number with fewer digits; a whole one when none are wanted."""
    if not isinstance(precision, int) or abs(precision) > 20:
        raise TooMuch("a precision is more than 20 digits")
    return round(value, precision) if precision else round(value)


def one_line(value: Any) -> str:
    """A text without line breaks and control characters."""
    return _BREAKS.sub(" ", text_of(value)).strip()


def markdown(value: Any) -> str:
    """A text that Markdown shows as it is, on one line."""
    return _MARKDOWN.sub(r"\\\1", one_line(value))


def csv(value: Any, safe: bool = True) -> str:
    """A cell of CSV; with `safe` nothing in it is run by a spreadsheet."""
    text = text_of(value)
    if safe and isinstance(value, str) and text.startswith(_FORMULA):
        text = f"'{text}"
    return '"' + text.replace('"', '""') + '"' if re.search(r'[",;\r\n]|^\s|\s$', text) else text


@pass_eval_context
def xml(context: EvalContext, value: Any) -> str:
    """A text for XML or HTML; what XML cannot hold becomes U+FFFD."""
    text = escape(_NO_XML.sub("\ufffd", text_of(value)))
    return text if context.autoescape else str(text)


def truncate(value: Any, length: int = 80, end: str = "…") -> str:
    """A text that is not longer than so many characters."""
    text = text_of(value)
    return text if len(text) <= length else text[: max(length - len(end), 0)].rstrip() + end


def read_map(text: str) -> list[tuple[str, str]]:
    """The pairs of FROM=TO;FROM=TO, or of a JSON object, the longest FROM first.  Errors: BadRequest."""
    wrong = BadRequest(what=f'The path map needs FROM=TO, several of them with ; between, or a JSON object, not "{text}".')
    if text.lstrip().startswith("{"):
        try:
            pairs = list(json.loads(text).items())
        except (ValueError, RecursionError) as error:
            raise wrong from error
    else:
        pairs = [(start.strip(), to.strip()) for start, _, to in (pair.partition("=") for pair in re.split(r"[;\n]", text) if pair.strip())]
    if not all(start and isinstance(to, str) and to for start, to in pairs):
        raise wrong
    return sorted(pairs, key=lambda pair: -len(pair[0]))


def map_path(pairs: list[tuple[str, str]], value: str | None) -> str:
    """A path as another machine sees it."""
    path = text_of(value)
    for start, to in pairs:
        bare = start.rstrip("/\\")
        if path.startswith(bare) and path and (len(path) == len(bare) or path[len(bare)] in "/\\"):
            rest = path[len(bare) :]
            # The other machine's own separator, where the map shows which that is.
            if "\\" in to and "/" not in to:
                rest = rest.replace("/", "\\")
            elif "\\" in start and "/" not in start and "/" in to:
                rest = rest.replace("\\", "/")
            return (to.rstrip("/\\") if rest else to) + rest
    return path


def _formatted(budget: Budget, form: Any, *values: Any) -> str:
    """%s %d %x %f with flags, width and precision, by place."""
    waiting = list(reversed(values))

    def one(match: re.Match[str]) -> str:
        if match[1]:
            return "%"
        if not waiting:
            raise ValueError("there are fewer values than places for them")
        value = waiting.pop()
        narrow(int(match[3] or 0))
        narrow(int(match[4] or 0))
        made = match[0] % (text_of(value) if match[5] == "s" else value)
        budget.charge(len(made))
        return str(made)

    text = text_of(form)
    if "%" in _FORMAT.sub("", text):
        raise ValueError("format knows %s %d %x %f and %%")
    return _FORMAT.sub(one, text)


def _of_text(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda value, *others: function(text_of(value), *others)


def filters(budget: Budget, pairs: list[tuple[str, str]], name_of: Callable[[str], str | None], record_of: Callable[[str], Any]) -> Filters:
    """All of them.

    pairs       the path map, as from read_map
    name_of     the name of a record that came earlier, by its id
    record_of   that record
    """

    def name(value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [name_of(text_of(one)) or one for one in value]
        return name_of(text_of(value)) or value or ""

    def lookup(value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [found for one in value if (found := record_of(text_of(one))) is not None]
        return record_of(text_of(value))

    def to_json(value: Any) -> str:
        budget.weigh(value)
        return dumps(value)

    def center(value: Any, width: int = 80) -> str:
        return text_of(value).center(narrow(width))

    def indent(value: Any, width: int = 4, first: bool = False) -> str:
        text, space = text_of(value), " " * narrow(width)
        return (space if first else "") + replace(budget, text, "\n", "\n" + space)

    def joined(values: Iterable[Any], between: str = "", attribute: str | None = None) -> str:
        if attribute is not None:
            raise TypeError("join takes no attribute: use |map(attribute=...)|join")
        return join(budget, values, text_of(between))

    def total(values: Iterable[Any], start: float = 0) -> float:
        for value in values:
            budget.tick()
            if not isinstance(value, (int, float)):
                raise TypeError("sum is for numbers")
            start += value
        return start

    own: Filters = {
        "date": date, "duration": duration, "size": size, "filesizeformat": size, "int": whole, "float": real, "round": rounded, "sum": total,
        "name": name, "lookup": lookup, "map_path": lambda value: map_path(pairs, value), "csv": csv, "json": to_json, "tojson": to_json, "xml": xml,
        "markdown": markdown, "oneline": one_line, "truncate": truncate, "join": joined, "indent": indent, "center": center, "string": text_of,
        "replace": lambda value, *others: replace(budget, text_of(value), *others), "format": lambda form, *values: _formatted(budget, form, *values),
        "escape": lambda value: escape(value if hasattr(value, "__html__") else text_of(value)), "safe": lambda value: Markup(text_of(value)),  # noqa: S704 - which is what the filter is for

        "wordcount": _of_text(lambda text: len(text.split())), "title": _of_text(do_title), "trim": _of_text(str.strip), "urlencode": _of_text(_quoted),
    }
    own["e"] = own["escape"]
    return own | {word: _of_text(getattr(str, word)) for word in ("capitalize", "lower", "upper")}


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text, errors="surrogateescape")
