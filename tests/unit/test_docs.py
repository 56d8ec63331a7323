"""The documents say what the program does."""

import re
import runpy
from pathlib import Path

from stashport.cli import _parser

DOCS = Path(__file__).resolve().parents[2] / "docs"
README = DOCS.parent / "README.md"


def test_fields_page_is_what_the_table_says() -> None:
    """docs/fields.md is what docs/make.py makes from the table of fields today."""
    assert (DOCS / "fields.md").read_text("utf-8") == runpy.run_path(str(DOCS / "make.py"))["page"]()


def test_links_between_pages_lead_somewhere() -> None:
    """Every relative link in the README and the docs points to a file that is there."""
    for page in (README, *DOCS.glob("*.md")):
        for link in re.findall(r"\]\(([^)#]+)", page.read_text("utf-8")):
            if "://" not in link:
                assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_every_command_and_option_is_documented() -> None:
    """Every command is named in the README or the docs, and every option of export in docs/export.md."""
    text = "".join(page.read_text("utf-8") for page in (README, *DOCS.glob("*.md")))
    export = (DOCS / "export.md").read_text("utf-8")
    commands = next(action for action in _parser()._actions if action.dest == "command").choices
    for name, parser in commands.items():
        assert f"stash_port.py {name}" in text, name
        for action in parser._actions if name == "export" else ():
            for option in action.option_strings:
                assert option in export or option in ("-h", "--help", "-q"), option


def test_options_in_the_docs_exist() -> None:
    """No page shows an option that no command has."""
    parsers = next(action for action in _parser()._actions if action.dest == "command").choices.values()
    known = {option for parser in parsers for action in parser._actions for option in action.option_strings} | {"--version"}
    for page in (README, *DOCS.glob("*.md")):
        for line in page.read_text("utf-8").splitlines():
            if "stash_port.py" in line:
                assert set(re.findall(r"(?<=\s)--[a-z-]+", line)) <= known, line
