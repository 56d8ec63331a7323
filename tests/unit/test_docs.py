"""The documents say what the program does."""

import json
import re
import runpy
import shlex
from pathlib import Path

from stashport.change.apply import MOST_CHANGED, MOST_CREATED
from stashport.change.decisions import TAKES, Decisions
from stashport.change.merge import PRESETS, check_strategy
from stashport.change.merge_fields import Clash
from stashport.change.steps import ACTIONS
from stashport.cli import _parser
from stashport.jobs.restore_config import METHODS, WITHOUT_COPY, RestoreConfig
from stashport.model.identity import TIERS
from stashport.stash.bulk_guard import GOAL, LARGEST
from stashport.stash.bulk_tables import SCHEMA

DOCS = Path(__file__).resolve().parents[2] / "docs"
README = DOCS.parent / "README.md"
CHANGING = ("restore", "plan", "apply", "resume", "rollback", "confirm")


def section(page: str, title: str) -> str:
    """What stands below a heading, down to the next one of its rank or above."""
    found = re.search(rf"^(#+) {re.escape(title)}$(.*?)(?=^#{{1,2}} |\Z)", (DOCS / page).read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert found, title
    return found[2]


def first_column(text: str) -> set[str]:
    """The words in code style with which the rows of tables begin."""
    return {word for row in re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE) for word in re.findall(r"`([^`]+)`", row)}


def test_made_pages_are_what_the_program_says() -> None:
    """docs/fields.md, and the table of limits in docs/changes.md, are what docs/make.py makes today."""
    make = runpy.run_path(str(DOCS / "make.py"))
    assert (DOCS / "fields.md").read_text("utf-8") == make["page"]()
    assert (DOCS / "changes.md").read_text("utf-8") == make["changes"]()


def anchors(page: Path) -> set[str]:
    """What links into a page can name: its headings as they stand in addresses."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_between_pages_lead_somewhere() -> None:
    """Every relative link in the README and the docs points to a file that is there, and to a heading in it."""
    for page in (README, *DOCS.glob("*.md")):
        for link, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", page.read_text("utf-8")):
            if "://" not in link:
                target = page.parent / link if link else page
                assert target.exists(), f"{page.name}: {link}"
                assert not anchor or anchor in anchors(target), f"{page.name}: {link}#{anchor}"


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


def test_commands_in_the_docs_are_understood() -> None:
    """Every command that a page shows in a block is one that the parser takes as it stands."""
    for page in (README, *DOCS.glob("*.md")):
        for block in re.findall(r"^```(?:sh)?\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE):
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True) if "stash_port.py" in line and "[" not in line else []
                if words[:2] == ["python3", "stash_port.py"]:
                    try:
                        _parser().parse_args(words[2:])
                    except SystemExit as error:
                        assert error.code == 0, f"{page.name}: {line}"


def test_every_promise_has_its_test() -> None:
    """What docs/promises.md names as the test behind a promise is there."""
    rows = re.findall(r"^\| (.*?) \| (`.*) \|$", (DOCS / "promises.md").read_text("utf-8"), re.MULTILINE)
    for promise, held in rows:
        for name in re.findall(r"`([^`]+)`", held):
            assert (DOCS.parent / name).exists(), f"{promise}: {name}"


def test_restore_page_tells_every_option() -> None:
    """Each option of the commands that change a library stands on docs/restore.md."""
    text = (DOCS / "restore.md").read_text("utf-8")
    commands = next(action for action in _parser()._actions if action.dest == "command").choices
    options = {option for name in CHANGING for action in commands[name]._actions for option in action.option_strings}
    assert [option for option in sorted(options - {"-h", "--help", "--quiet"}) if f"`{option}" not in text and f" {option} " not in text] == []
    assert f'--no-copy "{WITHOUT_COPY}"' in text


def test_restore_page_tells_every_way() -> None:
    """The tables of strategies and ways of writing name each that there is; the examples are taken; the schema is the one that is known."""
    assert first_column(section("restore.md", "What happens to what is here already")) == {*PRESETS, "exact"}
    ways = section("restore.md", "Ways of writing")
    assert set(re.findall(r"`(\w+)`", ways.splitlines()[2])) == set(METHODS)
    assert f"({SCHEMA})" in ways
    for told in re.findall(r"--strategy ([\w.]+=[^`\s]+)", (DOCS / "restore.md").read_text("utf-8")):
        check_strategy(dict(one.split("=") for one in told.split(",")))
    (example,) = re.findall(r"^```json\n(.*?)^```", (DOCS / "restore.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)
    config = RestoreConfig.parse(json.loads(example))
    assert config.exact
    assert config.chosen["fields"] == {"scenes": ["rating100", "o_history"]}


def test_words_to_press_are_in_the_panel() -> None:
    """What the steps of docs/restore.md tell people to choose or to press stands in the panel, to the letter."""
    panel = "".join(path.read_text("utf-8") for path in (DOCS.parent / "js" / "app").glob("*.js"))
    steps = re.findall(r"^(?:\d\. |   |\*\*In the panel\*\*:)(.*)$", (DOCS / "restore.md").read_text("utf-8"), re.MULTILINE)
    named = [word for step in steps for word in re.findall(r"(?<!\*)\*{1,2}([A-Z][^*]+?)\*{1,2}", step)]
    assert len(named) > 20
    assert [word for word in named if word not in panel] == []


def test_changes_page_tells_every_word_of_a_plan() -> None:
    """Tiers, steps and presets are all explained."""
    assert first_column(section("changes.md", "What is the same record")) == {*TIERS, "decided"}
    assert first_column(section("changes.md", "The plan").partition("###")[0]) == set(ACTIONS)
    assert first_column(section("changes.md", "For the whole run").partition("###")[0]) == {*PRESETS, "exact"}


def test_numbers_on_the_changes_page_are_those_of_the_program() -> None:
    """Batches, requests and the schema that is known are told as they are."""
    writing, bulk = section("changes.md", "Writing"), section("changes.md", "Written by SQL: the method `bulk`")
    assert f"{MOST_CHANGED} updates or {MOST_CREATED} creations" in writing
    assert f"({SCHEMA})" in bulk
    assert f"{GOAL} seconds and at most {LARGEST // 10**6} MB" in bulk


def test_decisions_in_the_docs_decide() -> None:
    """The decisions file on docs/changes.md is read, uses every list and every way of taking, and does what its table says."""
    text = (DOCS / "changes.md").read_text("utf-8")
    (example,) = re.findall(r"^```json\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    told = json.loads(example)
    assert set(told) == first_column(section("changes.md", "The plan").partition("### Decisions")[2].partition("###")[0])
    assert {one["take"] for name in ("fields", "like") for one in told[name]} == set(TAKES)
    made = Decisions(told)
    assert made.pairs("performer") == {5: 17}
    assert made.new("performer", 9)
    assert made.leave("tag", 4)

    def decided(source: int, field: str, times: int = 1) -> object:
        ask = made.asked("scene", source)
        assert ask
        return [ask(Clash(field, "here", "there", None, "")) for _ in range(times)][-1]

    assert decided(30, "title") == "there"
    assert decided(82, "title") == "Summer at the lake"
    assert decided(82, "details") == "here\nthere"
    assert decided(97, "groups", 2) == "here"
    assert decided(30, "date") == "here"
