"""A back end that only pretends: `scenario.json` beside it says how, so that slow, partial and broken runs can be had at will.

Copied into a plugin folder as stash_port.py by test_panel.py and started by a real Stash.
"""

from __future__ import annotations

import base64
import json
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NoReturn

HERE = Path(__file__).parent
PRESETS = HERE / "presets.json"
ASKED = HERE / "asked.jsonl"
KINDS = {
    "tag": "tags", "studio": "studios", "performer": "performers", "group": "groups", "file": "files", "folder": "folders", "scene": "scenes",
    "image": "images", "gallery": "galleries", "setting": "settings",
}
TOTAL = 15412
CHUNK = 100_000
TICKS = 20


def now() -> str:
    """Return this moment as a run record has it."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def answer(**what: Any) -> NoReturn:
    """Answer and end."""
    print(json.dumps({"output": {"ok": "error" not in what, **what}}))
    sys.exit()


def hello(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the panel asks first."""
    fields = [
        {"name": name, "label": name.capitalize(), "type": "text", "privacy": privacy, "reference": None}
        for name, privacy in (("name", "public"), ("details", "public"), ("rating", "personal"), ("path", "path"))
    ]
    pack = ["none", "gzip", "zip", "7z"]
    json_format = {
        "name": "json", "label": "JSON", "extension": "json", "description": "One file that every program reads.", "compress": pack, "folder": False,
        "options": [{"name": "indent", "label": "Indented", "type": "boolean", "default": False, "help": "Easier to read."}],
    }  # fmt: skip
    csv_format = {
        "name": "csv", "label": "CSV", "extension": "csv", "description": "A table for each kind.", "compress": ["none", "zip", "7z"],
        "folder": True, "options": [],
    }  # fmt: skip
    template_format = {
        "name": "template", "label": "Template", "extension": "txt", "description": "Whatever you write a template for.", "compress": pack, "folder": False,
        "options": [
            {"name": "extension", "label": "Extension", "type": "text", "default": "txt", "help": "Of the file."},
            {"name": "template", "label": "Template", "type": "text", "default": "", "help": "In the language of Jinja2."},
        ],
        "examples": [{"name": "Titles", "text": "{% for scene in scenes %}\n{{ scene.title }}\n{% endfor %}\n"}, {"name": "M3U", "text": "#EXTM3U\n"}],
    }  # fmt: skip
    return {
        "version": json.loads((HERE / "scenario.json").read_text())["version"],
        "kinds": [{"name": name, "plural": plural, "label": plural.capitalize(), "fields": fields} for name, plural in KINDS.items()],
        "formats": [json_format, csv_format, template_format],
        "folder": str(HERE / "exports"),
        "state": {"writable": True, "problem": None},
        "runs": runs,
        "presets": presets(),
    }


def presets() -> list[dict[str, Any]]:
    """Return what was kept under a name."""
    return json.loads(PRESETS.read_text()) if PRESETS.exists() else []


def change_presets(name: str, config: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Keep, replace or delete a preset."""
    kept = {preset["name"]: preset["config"] for preset in presets()}
    if config is None:
        kept.pop(name)
    else:
        kept[name] = config
    PRESETS.write_text(json.dumps([{"name": name, "config": kept[name]} for name in sorted(kept)]))
    return presets()


def preview(config: dict[str, Any], limit: int) -> dict[str, Any]:
    """Return records as they are and as they would leave."""
    before = {"name": "Jane Doe", "details": 'Left arm; "Mom"', "rating": 80, "path": "/home/jane/videos/one.mp4", "tags": ["tag:3"]}
    after = dict(before)
    chosen = config.get("privacy", "full")
    privacy = {"profile": chosen} if isinstance(chosen, str) else chosen
    if privacy["profile"] != "full":
        del after["path"], after["rating"]
    if privacy["profile"] == "anonymous":
        after["name"] = "Performer 1"
    for name in privacy.get("excludeFields", []):
        after.pop(name, None)
    kind = next(name for name, plural in KINDS.items() if plural == config["kinds"][0])
    return {"records": [{"kind": kind, "before": before, "after": after}] * limit, "notes": ["Names of performers come from a list of ours."]}


def export(args: dict[str, Any], scenario: dict[str, Any], runs: Path) -> None:
    """Go slowly through a run that ends as the scenario says."""
    place = runs / f"{args['run']}.json"
    record: dict[str, Any] = {
        "run": args["run"], "verb": "export", "state": "running", "result": None, "started": now(), "finished": None, "sentence": None,
        "config": args["config"], "counts": {}, "items": [], "warnings": [], "error": None, "outputs": [],
    }  # fmt: skip

    def save() -> None:
        fresh = place.with_suffix(".new")
        fresh.write_text(json.dumps(record))
        fresh.replace(place)

    ends = scenario.get("ends", "ok")
    for tick in range(TICKS):
        share = tick / TICKS
        record["progress"] = {
            "phase": "Reading tags" if share < 0.5 else "Reading scenes", "step": 1 if share < 0.5 else 2, "steps": 2,
            "done": int(TOTAL * share), "total": TOTAL, "fraction": share, "rate": 5000.0, "remaining": 9.0,
        }  # fmt: skip
        save()
        sys.stderr.write(f"\x01p\x02{share:.4f}\n")
        sys.stderr.flush()
        time.sleep(scenario.get("seconds", 0) / TICKS)
        if place.with_suffix(".stop").exists():
            ends = "stopped"
            break
    if ends == "nothing":
        place.unlink()
        sys.exit(1)
    errors = {
        "failed": {"error": "DiskFull", "message": "The disk that holds /exports is full.", "hint": "Free some space, then start again."},
        "stopped": {"error": "Stopped", "message": "Stopped as you asked.", "hint": "Nothing was written."},
    }
    record["error"] = errors.get(ends)
    record.update(state="finished", finished=now(), result="failed" if ends in errors else ends)
    lost = 4 if ends == "partial" else 0
    record["counts"] = {"scene": {"in": 300, "created": 300 - lost, "updated": 0, "skipped": 0, "failed": lost}}
    if ends not in errors:
        file = HERE / "exports" / f"{args['run']}.json"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(scenario["text"].encode() * scenario.get("times", 1) if "text" in scenario else bytes(range(256)) * 1000)
        record["outputs"] = [] if args["config"].get("url") else [{"path": str(file), "size": file.stat().st_size, "what": "JSON"}]
        record["sentence"] = f"Exported {TOTAL:,} records."
    if ends == "partial":
        record["warnings"] = ["The covers of 4 scenes are missing."]
        record["items"] = [{"kind": "scene", "id": str(n), "outcome": "failed", "reason": "no cover"} for n in range(4)]
    save()


def scripted(args: dict[str, Any], scenario: dict[str, Any], runs: Path) -> bool:
    """Do what the scenario says for this mode, where it says something: `answers` of operations, `records` that tasks leave at once."""
    mode = args["mode"]
    if mode in scenario.get("records", {}):
        record = {"run": args["run"], "verb": "restore", "state": "finished", "result": "ok", "started": now(), "finished": now(), "config": args["config"], "counts": {}}
        (runs / f"{args['run']}.json").write_text(json.dumps(record | scenario["records"][mode]))
        return True
    if mode == "plan" and "steps" in scenario:
        steps = [step for step in scenario["steps"] if all(step[key] == args[key] for key in ("action", "kind") if args.get(key)) and step["number"] > args.get("after", 0)]
        answer(steps=steps[: args["most"]], more=len(steps) > args["most"])
    if mode == "decisions":
        kept = HERE / "decisions.json"
        if "decisions" in args:
            kept.write_text(json.dumps(args["decisions"]))
        answer(decisions=json.loads(kept.read_text()) if kept.exists() else {})
    if mode in scenario.get("answers", {}):
        answer(**scenario["answers"][mode])
    return False


def main() -> None:
    """Answer one question or run one task."""
    given = json.load(sys.stdin)
    args, scenario = given["args"], json.loads((HERE / "scenario.json").read_text())
    runs = Path(given["server_connection"]["Dir"]) / "pretended"
    runs.mkdir(exist_ok=True)
    mode = args["mode"]
    with ASKED.open("a") as log:
        log.write(json.dumps(args) + "\n")
    if scripted(args, scenario, runs):
        return
    if mode == "count":
        time.sleep(scenario.get("counting", 0))
        kinds = [kind for kind in args["config"]["kinds"] if kind != "settings" or "privacy" not in args["config"]]
        answer(counts=dict.fromkeys(kinds, scenario.get("matches", 7)))
    if mode == "preview":
        answer(**preview(args["config"], args["limit"]))
    if mode == "secret":
        answer(id="0123456789abcdef")
    if mode == "presets":
        answer(presets=presets())
    if mode in ("savePreset", "deletePreset"):
        answer(presets=change_presets(args["name"], args.get("config")))
    if mode == "export":
        export(args, scenario, runs)
        return
    if mode in ("hello", "runs"):
        records = [json.loads(file.read_text()) for file in sorted(runs.glob("*.json"), reverse=True)]
        answer(**hello(records) if mode == "hello" else {"runs": records})
    place = runs / f"{args['run']}.json"
    if mode == "stop":
        place.with_suffix(".stop").touch()
        answer()
    if not place.exists():
        answer(error={"error": "UnknownRun", "message": f"There is no run {args['run']}.", "hint": ""})
    record = json.loads(place.read_text())
    if mode == "run":
        answer(run=record)
    if mode == "report":
        answer(html="<!DOCTYPE html><title>Report</title><h1>Report of a run</h1>")
    file = Path(record["outputs"][args["output"]]["path"])
    if mode == "download":
        answer(chunks=-(-file.stat().st_size // CHUNK), chunk_size=CHUNK, name=file.name, size=file.stat().st_size)
    if mode == "chunk":
        answer(data=base64.b64encode(file.read_bytes()[args["index"] * CHUNK :][:CHUNK]).decode())


main()
