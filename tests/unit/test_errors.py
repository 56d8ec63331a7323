"""Errors: each has a message, a hint and a code of its own, and whoever raises one fills in all that it says; docs/exit-codes.md lists them.

Run as a program this module writes that page.
"""

from __future__ import annotations

import ast
import inspect
import string
from pathlib import Path

import pytest
from stashport import cli, errors
from stashport.errors import PortError

PACKAGE = Path(errors.__file__).parent
PAGE = PACKAGE.parents[1] / "docs" / "exit-codes.md"
CLASSES = {name: found for name, found in vars(errors).items() if inspect.isclass(found) and issubclass(found, PortError)}
OTHERS = {
    0: ("ok", "Everything that was asked for was done, and proven."),
    1: ("", "Something went wrong that has no code of its own; or `check` found something to mend."),
    2: ("", "The command line was not understood: see `--help`. Also: this Python is older than 3.10."),
    3: ("partial", "Done, but for what the run's warnings name: what was made is whole, and something that was asked for is not in it."),
    130: ("", "Stopped from the keyboard (Ctrl-C)."),
    141: ("", "The program that read the standard output ended first."),
}


def fields_of(text):
    """The names of the places in a template."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def page():
    """The page that lists every code, made from the classes."""
    lines = [
        "# Exit codes", "",
        "What the command line ends with, so that a script can tell why. In Stash the same names stand in the run's record, under `error`.", "",
        "| Code | Name | What happened | What to do |", "|---|---|---|---|",
    ]  # fmt: skip
    rows = {(code, name): f"| {code} | {name and f'`{name}`'} | {text} | |" for code, (name, text) in OTHERS.items()}
    for name, found in CLASSES.items():
        if found is not PortError:
            message, hint = (escaped(text) for text in found.template())
            rows[found.exit_code, name] = f"| {found.exit_code} | `{name}` | {message} | {hint} |"
    lines += [rows[key] for key in sorted(rows)]
    return "\n".join([*lines, "", "Words in *italics* stand for names, places and reasons of the moment. A code keeps its meaning: new ones are added, none is used again.", ""])


def escaped(text):
    """A template as Markdown shows it."""
    text = text.replace("{what}", "{what is wrong}").replace("|", "\\|").replace("<", "&lt;")
    for name in fields_of(text.replace("{what is wrong}", "")):
        text = text.replace("{" + name + "}", f"*{name.replace('_', ' ')}*")
    return text.replace("{what is wrong}", "*what is wrong*")


def test_the_page_lists_every_code():
    """docs/exit-codes.md is what the classes say; `python tests/unit/test_errors.py` writes it anew."""
    assert PAGE.read_text("utf-8") == page()


def test_every_error_has_a_code_of_its_own():
    """No two classes share a code, none takes one that means something else, and each is one that a shell can tell apart."""
    codes = [found.exit_code for found in CLASSES.values()]
    assert len(set(codes)) == len(codes)
    assert {code for code in codes if code != 1} & set(OTHERS) == set()
    assert all(1 <= code <= 125 for code in codes)
    assert (errors.OK, errors.PARTIAL, errors.STOPPED) == (0, 3, 4)


@pytest.mark.parametrize("name", CLASSES)
def test_every_error_says_what_and_what_to_do(name):
    """A message and a hint, each in sentences, filled in or not, with whatever text from outside."""
    message, hint = CLASSES[name].template()
    assert message
    assert hint
    for text in (message, hint):
        assert text.endswith((".", "}", '"')) or "stash_port.py" in text or "sqlite3" in text, text
    details = dict.fromkeys(fields_of(message + hint), "x{y}\n\x1b[2J\udce9" + "z" * 2000)
    error = CLASSES[name](**details)
    for text in (error.message, error.hint, str(error)):
        assert text.isprintable()
        assert len(text) < 2500
    assert error.record() == {"error": name, "message": error.message, "hint": error.hint, "exit_code": error.exit_code}
    assert CLASSES[name]().message


def raised():
    """(file and line, class, keywords) of each place in the package that makes an error."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if name in CLASSES:
                    keywords = {keyword.arg for keyword in node.keywords}
                    yield f"{path.relative_to(PACKAGE)}:{node.lineno}", CLASSES[name], keywords, bool(node.args)


def test_whoever_raises_an_error_fills_it_in():
    """Every place that makes an error gives what its message and hint name, and nothing else: none ever shows a question mark."""
    found = list(raised())
    assert len(found) > 50
    for where, kind, keywords, placed in found:
        assert not placed, where
        if None not in keywords:
            assert keywords == fields_of(" ".join(kind.template())), where


def test_every_error_is_used():
    """No class is there that nothing can raise."""
    used = {
        node.id for path in PACKAGE.rglob("*.py") if path.name != "errors.py" for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.Name)
    }
    assert set(CLASSES) - used <= {"PortError"}


def test_lists_are_told_with_commas():
    """Several names in one place are joined with commas."""
    assert errors.UnknownFormat(name="a", known=("x", "y")).hint == "Choose one of: x, y."


def test_codes_of_the_command_line_are_listed():
    """Every number that the command line itself returns stands on the page."""
    numbers = {node.value.value for node in ast.walk(ast.parse(inspect.getsource(cli))) if isinstance(node, ast.Return) and isinstance(node.value, ast.Constant)}
    assert {number for number in numbers if isinstance(number, int)} <= set(OTHERS)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
