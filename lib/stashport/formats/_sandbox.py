"""The sandbox that a user's template runs in: it reaches the values that it is given, what is listed here, and nothing else, for a bounded time.

Jinja2's own sandbox is the floor; on it stands a list of what *is* allowed, since every hole that sandbox ever had was something that nobody had thought of.
What an object has is asked of its type here, never of Python; only what is made here can be called; the filters are our own and those of Jinja2's
that make nothing large.

Every step that makes something, or repeats something, is charged to a budget: loops, calls, filters, operators and output, so that neither memory nor time
runs away between two looks at the clock.  Steps that Jinja2 compiles to plain Python (loops, `~`, slices, lists, comparisons) are put behind filters
of our own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import update_wrapper
from typing import Any, NoReturn

from jinja2 import StrictUndefined, Template, Undefined, nodes, pass_context
from jinja2.exceptions import SecurityError, TemplateSyntaxError
from jinja2.filters import FILTERS
from jinja2.runtime import Context, LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from stashport.formats._budget import NUMBERS, Budget, Function, TooMuch, calculate, join, narrow, replace, text_of, what

LONGEST_RANGE = 100_000

_FROM_JINJA = (
    "abs", "count", "d", "default", "dictsort", "first", "groupby", "items", "last", "length", "list", "map", "max", "min", "reject", "rejectattr", "reverse",
    "select", "selectattr", "sort", "unique",
)
_OF_TEXT = frozenset((
    "capitalize", "casefold", "count", "endswith", "find", "isalnum", "isalpha", "isdecimal", "isdigit", "islower", "isspace", "istitle", "isupper", "lower",
    "lstrip", "partition", "removeprefix", "removesuffix", "rfind", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "swapcase",
    "title", "upper",
))
_WIDE = frozenset(("center", "ljust", "rjust", "zfill"))
_OF_LOOP = frozenset(("depth", "depth0", "first", "index", "index0", "last", "length", "nextitem", "previtem", "revindex", "revindex0"))
_ADDED = ("_block_vars", "_loop_vars")  # given with every call by Jinja2, for itself


class Environment(ImmutableSandboxedEnvironment):
    """Compiles and runs templates; `budget` is used up by whatever runs in it."""

    intercepted_binops = frozenset(("+", "-", "*", "/", "//", "%", "**"))

    def __init__(self, budget: Budget, filters: dict[str, Callable[..., Any]], *, autoescape: bool) -> None:
        super().__init__(
            undefined=StrictUndefined, autoescape=autoescape, finalize=self._finalize(), optimized=False, trim_blocks=True, lstrip_blocks=True,
            keep_trailing_newline=True, cache_size=0,
        )
        self.budget, self.weight = budget, 0
        known: dict[str, Callable[..., Any]] = {name: FILTERS[name] for name in _FROM_JINJA if name in FILTERS}
        own: dict[str, Callable[..., Any]] = {" concat": self._concat, " slice": self._slice, " made": self._made, " same": lambda value: value}
        self.filters = {name: self._guarded(function) for name, function in {**known, **filters, **own}.items()}
        self.filters[" loop"] = self._loop
        tests: dict[str, Any] = self.tests
        self.tests = {name: self._guarded(function) for name, function in tests.items()}
        self.globals = {"range": Function(self._range)}

    def compile_safely(self, source: str) -> Template:
        """A template of this source.  Errors: TemplateSyntaxError for what Jinja2 does not understand, and for what is not allowed here."""
        tree = self.parse(source)
        self.weight = len(source)
        return Template.from_code(self, self.compile(_Rewriter().visit(tree), "template", "<template>"), self.globals)

    def _finalize(self) -> Callable[..., str]:
        @pass_context
        def finalize(context: Context, value: Any) -> str:
            text = text_of(value)
            self.budget.charge(len(text) + 1)
            return text

        return finalize

    def _guarded(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*arguments: Any, **named: Any) -> Any:
            self.budget.tick()
            result = function(*arguments, **named)
            if isinstance(result, (str, list, tuple, dict)):
                self.budget.charge(len(result))
            return result

        return update_wrapper(guarded, function)

    # --- what Jinja2 asks its sandbox for ---

    def getattr(self, obj: Any, attribute: str) -> Any:
        """What stands behind the dot."""
        return self._reach(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """What stands in brackets, and what filters look up in items."""
        if isinstance(argument, str):
            return self._reach(obj, argument)
        if isinstance(obj, (dict, list, tuple, str, range)):
            try:
                return obj[argument]
            except (TypeError, LookupError):
                return self.undefined(f"there is no {argument!r} in {what(obj)}" if isinstance(argument, NUMBERS) else "there is no such thing in it")
        if isinstance(obj, Undefined):
            obj._fail_with_undefined_error()  # noqa: SLF001 - the way that Undefined has of saying what it is
        return self.undefined(f"{what(obj)} has no items")

    def _reach(self, obj: Any, name: str) -> Any:
        if isinstance(obj, dict):
            if name in obj:
                return obj[name]
            if name in ("items", "keys", "values", "get"):
                return Function(getattr(obj, name))
        elif isinstance(obj, str):
            if name in _OF_TEXT or name in _WIDE or name in ("join", "replace"):
                return self._method(obj, name)
        elif isinstance(obj, LoopContext):
            if name in _OF_LOOP:
                return getattr(obj, name)
            if name in ("cycle", "changed"):
                return Function(getattr(obj, name))
        elif isinstance(obj, tuple) and name in ("grouper", "list") and hasattr(type(obj), "_fields"):
            return obj[("grouper", "list").index(name)]
        elif isinstance(obj, Undefined):
            obj._fail_with_undefined_error()  # noqa: SLF001 - the way that Undefined has of saying what it is
        return self._nothing(obj, name)

    def _nothing(self, obj: Any, name: str) -> Any:
        if name.startswith("_"):
            raise SecurityError(f'a template does not reach "{name[:60]}"')
        hint = f'{what(obj)} has no "{name[:60]}"'
        if isinstance(obj, dict) and "id" in obj:
            import difflib

            close = difflib.get_close_matches(name, [str(key) for key in obj], 1)
            hint = f'a {str(obj["id"]).partition(":")[0]} has no field "{name[:60]}"' + (f"; did you mean {close[0]}?" if close else "")
        return self.undefined(hint)

    def _method(self, text: str, name: str) -> Function:
        function = getattr(text, name, None)
        if function is None:  # removeprefix and the like, where Python is old
            return self._nothing(text, name)  # type: ignore[no-any-return]

        def call(*arguments: Any) -> Any:
            self.budget.tick()
            if name == "replace":
                return replace(self.budget, text, *arguments)
            if name == "join":
                return join(self.budget, arguments[0], text)
            if name in _WIDE:
                narrow(arguments[0])
            result = function(*arguments)
            self.budget.charge(len(result) + len(text) if isinstance(result, (list, tuple)) else len(text))
            return result

        return Function(call)

    def call(self, context: Context, obj: Any, *arguments: Any, **named: Any) -> Any:
        """Call what can be called."""
        self.budget.tick()
        if isinstance(obj, Macro):
            self.budget.charge(self.weight)
            self.budget.weigh((arguments, {name: value for name, value in named.items() if name not in _ADDED}))
            return context.call(obj, *arguments, **named)
        for name in _ADDED:
            named.pop(name, None)
        if isinstance(obj, Function):
            return obj.function(*arguments, **named)
        if isinstance(obj, Undefined):
            obj._fail_with_undefined_error()  # noqa: SLF001 - as above
        raise SecurityError(f"{what(obj)} cannot be called")

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Calculate, as far as the result cannot be huge."""
        self.budget.tick()
        for value in (left, right):
            if isinstance(value, Undefined):
                value._fail_with_undefined_error()  # noqa: SLF001 - as above
        if isinstance(left, NUMBERS) and isinstance(right, NUMBERS):
            return calculate(operator, left, right)
        if operator == "+" and ((isinstance(left, str) and isinstance(right, str)) or (type(left) is type(right) and isinstance(left, (list, tuple)))):
            self.budget.weigh((left, right))
            return left + right
        if operator == "*" and isinstance(left, str) and isinstance(right, int):
            self.budget.charge(len(left) * max(right, 0))
            return left * right
        if operator == "%" and isinstance(left, str):
            raise TypeError("a text is filled in with the filter format: {{ '%02d'|format(n) }}")
        raise TypeError(f"{operator} does not work on {what(left)} and {what(right)}; texts are joined with ~")

    # --- what plain Python would do ---

    def _loop(self, items: Iterable[Any] | None, weight: int) -> Iterator[Any]:
        for item in items if items is not None else ():
            self.budget.tick()
            self.budget.charge(weight)
            yield item

    def _concat(self, *values: Any) -> str:
        texts = [text_of(value) for value in values]
        self.budget.charge(sum(map(len, texts)))
        if any(hasattr(text, "__html__") for text in texts):
            from markupsafe import Markup

            return Markup("").join(texts)
        return "".join(texts)

    def _slice(self, value: Any, *bounds: Any) -> Any:
        if not isinstance(value, (str, list, tuple, range)):
            raise TypeError(f"{what(value)} cannot be cut into pieces")
        return value[slice(*bounds)]

    def _made(self, value: Any) -> Any:
        self.budget.weigh(value)
        return value

    def _range(self, *bounds: int) -> range:
        found = range(*bounds)
        if len(found) > LONGEST_RANGE:
            raise TooMuch(f"a range is longer than {LONGEST_RANGE:,}")
        return found


class _Rewriter(NodeTransformer):
    """Puts what Jinja2 would compile to plain Python behind guarded filters, and refuses what leads out of the template."""

    def _refuse(self, node: nodes.Node, *arguments: Any) -> NoReturn:
        called = {"FromImport": "import", "NSRef": "a namespace"}.get(type(node).__name__, type(node).__name__.lower())
        raise TemplateSyntaxError(f"{called} is not possible here: a template is one file, and reaches no other", node.lineno)

    visit_Extends = visit_Include = visit_Import = visit_FromImport = visit_NSRef = _refuse  # noqa: N815 - Jinja2's names

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - as above
        if node.recursive:
            raise TemplateSyntaxError("a recursive loop is not possible here", node.lineno)
        weight = sum(len(data.data) for data in node.find_all(nodes.TemplateData))
        self.generic_visit(node)
        items: Any = node.iter
        node.iter = _behind(" loop", items, nodes.Const(weight, lineno=node.lineno))
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802 - as above
        self.generic_visit(node)
        return _behind(" concat", *node.nodes)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802 - as above
        self.generic_visit(node)
        if not isinstance(node.arg, nodes.Slice):
            return node
        bounds = (node.arg.start, node.arg.stop, node.arg.step)
        return _behind(" slice", node.node, *(bound or nodes.Const(None, lineno=node.lineno) for bound in bounds))

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802 - as above
        self.generic_visit(node)
        node.expr = _behind(" same", node.expr)
        return node

    def visit_List(self, node: nodes.List | nodes.Tuple | nodes.Dict) -> nodes.Expr:  # noqa: N802 - as above
        self.generic_visit(node)
        return node if isinstance(node, nodes.Tuple) and node.ctx != "load" else _behind(" made", node)

    visit_Tuple = visit_Dict = visit_List  # noqa: N815 - as above


def _behind(name: str, first: nodes.Expr, *others: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(first, name, list(others), [], None, None, lineno=first.lineno, environment=first.environment)
