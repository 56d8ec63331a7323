"""The laws of the repository: what may lie where, which way imports point, and that everything says what it is."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "lib" / "stashport"
DOORS = {"plugin", "cli"}
ROOMS = {"change", "bundle", "formats", "foreign", "output", "stash", "runs"}
# each layer may import itself and those to its right
LAYERS = [DOORS, {"jobs"}, ROOMS, {"model"}, {"errors", "atomic"}]
LONGEST = 300
LONGER = {"model/fields.py", "errors.py"}  # data tables
MANIFEST_KEYS = {"name", "description", "url", "version", "interface", "exec", "errLog", "tasks", "hooks", "ui", "settings"}
TASK_KEYS = {"name", "description", "execArgs", "defaultArgs"}
SETTING_KEYS = {"type", "displayName", "description"}
UI_KEYS = {"requires", "csp", "javascript", "css", "assets"}


@cache
def repository_files() -> list[Path]:
    """List what git tracks, and what it would."""
    asked = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return sorted(ROOT / name for name in filter(None, listed.split("\0")) if (ROOT / name).is_file())


def python_files(*folders: str) -> list[Path]:
    """List the Python files of the repository below some folders."""
    return [path for path in repository_files() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in folders]


def modules() -> list[Path]:
    """List the modules of the package."""
    return python_files("lib")


def imported(path: Path) -> set[str]:
    """Name every part of the package that a module imports, anywhere in it: 'model' for stashport.model.fields."""
    parents = path.relative_to(PACKAGE.parent).parent.parts
    found = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(parents[: len(parents) - node.level + 1]) if node.level else ""
            whole = ".".join(filter(None, (base, node.module)))
            found |= {f"{whole}.{alias.name}" for alias in node.names}
    parts = {name.split(".")[1] for name in found if name.startswith("stashport.")}
    return {part for part in parts if not part.startswith("__")}


def part_of(path: Path) -> str:
    """Name the part of the package that a module belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_only_the_manifest_ends_in_yml() -> None:
    """Stash takes every .yml below its plugins folder for a plugin."""
    assert [path.name for path in repository_files() if path.suffix.lower() == ".yml"] in ([], ["stash_port.yml"])


def test_every_part_of_the_package_has_its_layer() -> None:
    """A new part must be given a place among the layers."""
    assert {part_of(path) for path in modules()} <= set().union(*LAYERS) | {"__init__"}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_arrows_point_one_way(path: Path) -> None:
    """No module imports from a layer above its own."""
    part = part_of(path)
    if part == "__init__":
        assert imported(path) == set()
        return
    level = next(k for k, layer in enumerate(LAYERS) if part in layer)
    assert imported(path) <= set().union(*LAYERS[level:])


def test_parts_form_no_circle() -> None:
    """Parts of one layer may know each other, but not both ways round, nor round three corners."""
    knows: dict[str, set[str]] = {}
    for path in modules():
        knows.setdefault(part_of(path), set()).update(imported(path) - {part_of(path)})
    while free := {part for part, others in knows.items() if not others & knows.keys()}:
        knows = {part: others for part, others in knows.items() if part not in free}
    assert knows == {}


def test_a_door_knows_no_other_door() -> None:
    """The plugin's door and the command line's are two ways to the same jobs, not to each other."""
    for path in modules():
        if part_of(path) in DOORS:
            assert imported(path).isdisjoint(DOORS - {part_of(path)}), path


def test_the_arrow_test_sees_every_kind_of_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain, from, relative and late imports are all found."""
    (tmp_path / "stashport" / "model").mkdir(parents=True)
    path = tmp_path / "stashport" / "model" / "a.py"
    lines = ("import stashport.jobs.x", "from stashport import cli", "from ..runs import y",
             "from . import z", "if z: import stashport.stash.q")
    path.write_text("\n".join(lines))
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path / "stashport")
    assert imported(path) == {"jobs", "cli", "runs", "model", "stash"}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_say_what_they_are_and_stay_short(path: Path) -> None:
    """Every module has a docstring, and none is longer than a reader can hold."""
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), "no docstring"
    assert str(path.relative_to(PACKAGE)) in LONGER or text.count("\n") <= LONGEST


@pytest.mark.parametrize("path", python_files("tests"), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_test_says_what_it_proves(path: Path) -> None:
    """Every test function has a docstring."""
    functions = [node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    assert [f.name for f in functions if f.name.startswith("test_") and not ast.get_docstring(f)] == []


def test_nothing_points_outside_the_repository() -> None:
    """No file mentions a path of the machine that it was written on."""
    outside = re.compile(rb"(?<![\w.])(/" + rb"work/|shared" + rb"/\w)")
    assert [str(path.relative_to(ROOT)) for path in repository_files() if outside.search(path.read_bytes())] == []


class StrictLoader(yaml.SafeLoader):
    """Reads YAML as Stash does: a key that stands twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        """Make a mapping, or say which key stands twice."""
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"a key stands twice in {keys}"
        return super().construct_mapping(node, deep=deep)


def test_the_manifest_has_only_keys_that_stash_knows() -> None:
    """Stash refuses the whole plugin for one unknown key, and takes only text for a task's default arguments."""
    path = ROOT / "stash_port.yml"
    manifest = yaml.load(path.read_text(encoding="utf-8"), Loader=StrictLoader)
    assert set(manifest) <= MANIFEST_KEYS
    assert set(manifest.get("ui", {})) <= UI_KEYS
    for task in manifest.get("tasks", []):
        assert set(task) <= TASK_KEYS
        assert all(isinstance(value, str) for value in task.get("defaultArgs", {}).values())
    for setting in manifest.get("settings", {}).values():
        assert set(setting) <= SETTING_KEYS
        assert setting["type"] in {"STRING", "NUMBER", "BOOLEAN"}
    for named in manifest.get("ui", {}).get("javascript", []) + manifest.get("ui", {}).get("css", []):
        assert (ROOT / named).is_file()
    assert all(prefix.startswith("/") for prefix in manifest.get("ui", {}).get("assets", {}))


def test_without_a_stash_the_reason_is_said(tmp_path: Path) -> None:
    """Where there is no Stash its tests are skipped, and the summary says how many, and why."""
    elsewhere = os.environ | {"STASH_BIN": str(tmp_path / "none")}
    asked = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests/stash/test_support.py", "-k", "counts or hostile"]
    said = subprocess.run(asked, cwd=ROOT, env=elsewhere, capture_output=True, text=True, check=True).stdout
    assert f"real-Stash tests: 0 ran, 2 skipped (STASH_BIN is {tmp_path / 'none'}, which is not a program)" in said.splitlines()
