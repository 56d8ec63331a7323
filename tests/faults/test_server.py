"""Each fault at every request of a small export: the result is whole and the same, or one clear error with nothing left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from stashport import errors
from stashport.cli import main
from stashport.errors import NotAllowed, NotStash, PortError, ServerError, Unreachable
from stashport.model.fields import BY_NAME
from stashport.output.proof import prove
from stashport.stash import graphql
from stashport.stash.connection import Connection
from stashport.stash.graphql import GraphQLReader
from support.miniature import PICTURES, sample_library
from support.standin import FAULTS, StandIn

PASSING = ("500", "502", "reset", "timeout", "cut", "locked")
"""Faults that pass: the request is made again, and all is well."""
ERRORS: dict[str, type[PortError]] = {
    "500": Unreachable, "502": Unreachable, "reset": Unreachable, "timeout": Unreachable, "cut": Unreachable, "locked": ServerError, "partial": ServerError,
    "401": NotAllowed, "redirect": NotAllowed, "empty": NotStash, "html": NotStash,
}
"""The error of each fault when it does not pass, or is no matter of trying again."""
Export = Callable[[str], tuple[int, str]]


@pytest.fixture
def server() -> Iterator[StandIn]:
    """A server with the sample library and its pictures."""
    with StandIn(sample_library(pictures=True), pictures=PICTURES) as standin:
        yield standin


@pytest.fixture
def export(server: StandIn, tmp_path: Path, scratch: Path, capsys: pytest.CaptureFixture[str]) -> Export:
    """A function that exports a little of everything under the given faults; (exit code, what was said of an error)."""
    target = tmp_path / "out" / "library"
    arguments = ["export", server.url, "--to", str(target), "--format", "ndjson", "--kinds", "tags,scenes,saved_filters", "--reader", "graphql", "--images"]

    def exported(faults: str) -> tuple[int, str]:
        server.set_faults(faults)
        code = main([*arguments, "--state", str(tmp_path / "state"), "-q", "--overwrite"])
        return code, capsys.readouterr().err

    return exported


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder; of the records all lines but the header, which holds the time."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: data.partition(b"\n")[2] if name.endswith(".ndjson") else data for name, data in found.items()}


def test_every_fault_is_described_and_has_its_error() -> None:
    """The list of faults, their description and what is expected of them belong together."""
    from support import standin

    assert set(ERRORS) == set(FAULTS)
    assert all(fault in str(standin.__doc__) for fault in FAULTS)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_at_each_request_of_an_export(fault: str, server: StandIn, export: Export, tmp_path: Path) -> None:
    """A fault that passes changes not a byte; any other ends in its error and exit code, and leaves neither a file nor a folder."""
    folder = tmp_path / "out"
    assert export("") == (0, "")
    wanted, requests = files(folder), [path for path, _ in server.requests]
    assert prove(folder / "library").valid
    assert sum(name.startswith("library/images/") for name in wanted) == 2
    assert sum(path.startswith("GET") for path in requests) == 2
    assert len(requests) > 10
    for number, request in enumerate(requests):
        for path in folder.iterdir():
            path.rename(tmp_path / f"done-{fault}-{number}")
        code, said = export("ok " * number + fault)
        passes = fault in PASSING or (fault == "partial" and request.startswith("GET"))
        where = f"{fault} at request {number}, {request}: {said}"
        assert code == (0 if passes else ERRORS[fault].exit_code), where
        assert files(folder) == (wanted if passes else {}), where
        assert [path.name for path in folder.iterdir()] == (["library"] if passes else []), where
        message = ERRORS[fault].template()[0].split("{url}")[1].split("{")[0].split("(")[0].strip(" :")
        assert passes or (message in said and len(said.splitlines()) == 2), where


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_stays(fault: str, server: StandIn, export: Export, tmp_path: Path) -> None:
    """A fault that does not pass ends in its error, early or late; what was there before stays as it is."""
    assert export("") == (0, "")
    questions = [number for number, (path, _) in enumerate(server.requests) if path.startswith("POST")]
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    for number in (questions[0], questions[-1]):
        code, said = export("ok " * number + fault + "+")
        assert code == ERRORS[fault].exit_code, said
        assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_at_each_request_of_a_reader(fault: str, server: StandIn, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one record a page, by id, by offset and by list: all records in order, or the error, never fewer records without one."""
    monkeypatch.setattr(graphql, "PAGE", 1)
    kinds = [BY_NAME[name] for name in ("tag", "scene", "image")]
    with closing(GraphQLReader(Connection(server.url))) as reader:
        fields = {kind: tuple(f for f in reader.fields(kind) if f.type in ("text", "refs")) for kind in kinds}

        def read() -> list[list[bytes]]:
            return [[line for batch in reader.batches(kind, fields[kind]) for line in batch.lines] for kind in kinds]

        server.set_faults("")
        wanted = read()
        assert [len(lines) for lines in wanted] == [3, 3, 1]
        for number in range(len(server.requests)):
            server.set_faults("ok " * number + fault)
            if fault in PASSING:
                assert read() == wanted
            else:
                with pytest.raises(ERRORS[fault]):
                    read()


def test_an_error_is_kept_in_the_run(export: Export, tmp_path: Path) -> None:
    """The run of an export that failed says so in its record, with the same error."""
    import json

    code, said = export("ok ok html")
    (record,) = (json.loads(path.read_text("utf-8")) for path in (tmp_path / "state").rglob("run.json"))
    assert (record["result"], record["error"]["exit_code"], code) == ("failed", errors.NotStash.exit_code, errors.NotStash.exit_code)
    assert said.startswith(record["error"]["message"])
