"""Records the type lists that the stand-in answers introspection with: names and types of fields, nothing else.

python tests/support/standin_record.py http://localhost:9999

Only the types that the product asks for are kept: those whose fields it introspects, and those through which its documents lead.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

TYPES_FILE = Path(__file__).with_name("standin_types.json")
_NAMED = "type{kind name" + " ofType{kind name" * 6 + "}" * 7
_SCHEMA = f"{{__schema{{types{{name kind fields(includeDeprecated:true){{name {_NAMED} args{{name {_NAMED}}}}}}}}}}}"


def spelled(told: dict[str, Any]) -> str:
    """A type as GraphQL writes it: [Tag!]!."""
    if told["kind"] == "NON_NULL":
        return spelled(told["ofType"]) + "!"
    return f"[{spelled(told['ofType'])}]" if told["kind"] == "LIST" else str(told["name"])


def whole_schema(connection: Any) -> dict[str, dict[str, str]]:
    """Every type of a server that has fields."""
    found = {}
    for one in connection.query(_SCHEMA)["__schema"]["types"]:
        if one["fields"] and not one["name"].startswith("__"):
            found[one["name"]] = {f["name"]: spelled(f["type"]) + _arguments(f["args"]) for f in one["fields"]}
    return found


def _arguments(told: list[dict[str, Any]]) -> str:
    return f"({', '.join(a['name'] + ':' + spelled(a['type']) for a in told)})" if told else ""


def asked_for(schema: dict[str, dict[str, str]], documents: list[tuple[str, dict[str, Any]]], named: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """The types that these documents lead through, and those that are named."""
    from support.standin_graphql import Parser, check

    kept = {name for name in named if name in schema}
    for document, variables in documents:
        sort, nodes = Parser(document, variables).operation()
        check(nodes, sort.capitalize(), schema, seen=kept.add)
    return {name: dict(sorted(schema[name].items())) for name in sorted(kept)}


def record(url: str, api_key: str | None = None) -> dict[str, dict[str, str]]:
    """Ask a server, by way of the product itself."""
    from stashport.stash import capabilities, source
    from stashport.stash.connection import Connection
    from stashport.stash.graphql import GraphQLReader

    documents: list[tuple[str, dict[str, Any]]] = []
    connection = Connection(url, api_key=api_key, tracer=lambda document, variables: documents.append((document, variables)))
    source.server_status(connection)
    connection.use_own_key()
    reader = GraphQLReader(connection)
    for kind in reader.kinds():
        for _ in reader.batches(kind, tuple(f for f in reader.fields(kind) if f.type != "image")):
            break
        pictured = " ".join(reader.can.selection(f, kind.type) for f in reader.fields(kind) if f.type == "image")
        if pictured:
            documents.append((f"{{{kind.find}{{{kind.listing}{{{pictured}}}}}}}", {}))
    reader.close()
    return asked_for(whole_schema(connection), documents, capabilities._ASKED)


def main() -> None:
    """Write the file anew."""
    sys.path[:0] = [str(Path(__file__).resolve().parents[2] / "lib"), str(Path(__file__).resolve().parents[1])]
    found = record(sys.argv[1])
    lines = [f"{json.dumps(name)}: {json.dumps(fields)}" for name, fields in found.items()]
    TYPES_FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(f"{len(found)} types in {TYPES_FILE}")


if __name__ == "__main__":
    main()
