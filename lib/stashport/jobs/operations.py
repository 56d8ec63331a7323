"""What the panel asks for and gets at once: nothing here needs the server, and nothing heavy is imported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from stashport import __version__
from stashport.errors import BadRequest, PortError
from stashport.runs.state import State

Answer = dict[str, Any]
_SUMMARY = (
    "run", "verb", "state", "result", "started", "finished", "progress", "phase", "counts", "error", "outputs", "warnings", "warnings_total", "items_total",
)

_NOTES = ("undo", "undoes", "plan_of", "resumes")


def answer(mode: str, arguments: dict[str, Any], state: State, plugin: Path) -> Answer:
    """The answer to one operation; an error is part of it, since Stash passes on only the text of one."""
    try:
        return {"ok": True, **OPERATIONS[mode](arguments, state, plugin)}
    except PortError as error:
        return {"ok": False, "error": error.record()}
    except OSError as error:
        return {"ok": False, "error": PortError(what=str(error)).record()}
    except (TypeError, ValueError) as error:
        return {"ok": False, "error": BadRequest(what=f'The operation "{mode}" was given something else than it needs: {error}').record()}


def _hello(_: dict[str, Any], state: State, plugin: Path) -> Answer:
    from stashport import formats
    from stashport.model.fields import KINDS
    from stashport.output import COMPRESSIONS

    kinds = [
        {
            "name": kind.name, "plural": kind.plural, "label": kind.label,
            "fields": [{"name": f.name, "label": f.label, "type": f.type, "privacy": f.privacy, "reference": f.to or None} for f in kind.fields],
        }
        for kind in KINDS
    ]
    listed = [
        {
            "name": f.NAME, "label": f.LABEL, "extension": f.EXTENSION, "description": f.DESCRIPTION, "folder": f.FOLDER,
            "compress": ["none"] if getattr(f, "PACKS_ITSELF", False) else list(COMPRESSIONS),
            "options": [{"name": o.name, "label": o.label, "type": o.kind, "default": o.default, "help": o.help} for o in f.OPTIONS],
            "examples": formats.examples(f),
        }
        for f in map(formats.get, formats.names())
    ]
    return {
        "version": __version__, "kinds": kinds, "formats": listed, "folder": str(state.folder / "exports"), "state": _writable(state),
        "runs": _summaries(state, 20), **_presets({}, state, plugin), "backup": _backup(state),
    }


def _backup(state: State) -> Answer:
    import datetime as dt

    from stashport.jobs.starters import glance
    from stashport.runs.habits import habits, latest

    return {"habits": habits(state), **latest(state), "schedule": glance(state, dt.datetime.now(dt.timezone.utc))}


def _backup_news(_: dict[str, Any], state: State, __: Path) -> Answer:
    return {"backup": _backup(state)}


def _writable(state: State) -> Answer:
    from stashport.atomic import check_writable

    try:
        check_writable(state.folder, 1 << 20)
    except PortError as error:
        return {"writable": False, "problem": f"{error.message} {error.hint}"}
    return {"writable": True, "problem": None}


def _list(state: State, limit: int) -> list[Answer]:
    from stashport.runs.history import list_runs

    return list_runs(state, limit)


def _summary(record: Answer) -> Answer:
    from stashport.runs.wording import sentence

    notes = {key: record["notes"][key] for key in _NOTES if key in record["notes"]}
    return {key: record.get(key) for key in _SUMMARY} | {"sentence": sentence(record), **notes}


def _summaries(state: State, limit: int) -> list[Answer]:
    """Runs in short, newest first; one that was taken back says by which run."""
    records = _list(state, limit)
    backs = (record for record in records if record["notes"].get("undoes") and record["result"] in ("ok", "partial") and not record["config"].get("dryRun"))
    undone = {record["notes"]["undoes"]: record["run"] for record in backs}
    return [_summary(record) | {"undone": undone.get(record["run"])} for record in records]


def _runs(arguments: dict[str, Any], state: State, _: Path) -> Answer:
    return {"runs": _summaries(state, int(arguments.get("limit") or 50))}


def _run(arguments: dict[str, Any], state: State, _: Path) -> Answer:
    from stashport.runs.history import load

    record = load(state, str(arguments.get("run")))
    return {"run": record | _summary(record)}


def _stop(arguments: dict[str, Any], state: State, _: Path) -> Answer:
    from stashport.runs.history import request_stop

    request_stop(state, str(arguments.get("run")))
    return {}


def _report(arguments: dict[str, Any], state: State, plugin: Path) -> Answer:
    from stashport.runs.downloads import offer

    path = state.run_folder(str(arguments.get("run"))) / "report.html"
    url = offer(state, plugin, path)
    return {"url": url} if url else {"html": path.read_text("utf-8")}


def _download(arguments: dict[str, Any], state: State, plugin: Path) -> Answer:
    from stashport.runs import downloads

    path = downloads.output_of(state, str(arguments.get("run")), int(arguments.get("output") or 0))
    url = downloads.offer(state, plugin, path)
    size = path.stat().st_size
    found = {"name": path.name, "size": size}
    return found | ({"url": url} if url else {"chunks": -(-size // downloads.CHUNK), "chunk_size": downloads.CHUNK})


def _chunk(arguments: dict[str, Any], state: State, _: Path) -> Answer:
    from stashport.runs import downloads

    path = downloads.output_of(state, str(arguments.get("run")), int(arguments.get("output") or 0))
    return {"data": downloads.chunk(path, int(arguments.get("index") or 0))}


def _secret(arguments: dict[str, Any], state: State, _: Path) -> Answer:
    from stashport.runs.secrets import keep

    return {"id": keep(state, str(arguments.get("value") or ""))}


def _presets(arguments: dict[str, Any], state: State, _: Path) -> Answer:
    from stashport.runs.presets import presets

    return {"presets": presets(state)}


def _save_preset(arguments: dict[str, Any], state: State, plugin: Path) -> Answer:
    from stashport.runs.presets import save

    save(state, arguments.get("name"), arguments.get("config"))
    return _presets(arguments, state, plugin)


def _delete_preset(arguments: dict[str, Any], state: State, plugin: Path) -> Answer:
    from stashport.runs.presets import delete

    delete(state, arguments.get("name"))
    return _presets(arguments, state, plugin)


def _backups(name: str, module: str = "backups") -> Callable[[dict[str, Any], State, Path], Answer]:
    """An operation of jobs.backups or a module beside it: these read small files of a vault, and a few of them delete."""

    def call(arguments: dict[str, Any], state: State, _: Path) -> Answer:
        from importlib import import_module

        from stashport.jobs.context import Context
        from stashport.jobs.packages import use

        use(state)
        given = {key: value for key, value in arguments.items() if key != "mode"}
        found: Answer = getattr(import_module(f"stashport.jobs.{module}"), name)(given, Context(state))
        return found

    return call


def _of_plan(name: str) -> Callable[[dict[str, Any], State, Path], Answer]:
    """An operation of jobs.plan_view."""

    def call(arguments: dict[str, Any], state: State, _: Path) -> Answer:
        from stashport.jobs import plan_view

        found: Answer = getattr(plan_view, name)(arguments, state)
        return found

    return call


OPERATIONS: dict[str, Callable[[dict[str, Any], State, Path], Answer]] = {
    "hello": _hello, "runs": _runs, "run": _run, "stop": _stop, "report": _report, "download": _download, "chunk": _chunk, "secret": _secret,
    "presets": _presets, "savePreset": _save_preset, "deletePreset": _delete_preset,
    "backups": _backups("viewed", "vault_place"), "backupNews": _backup_news, "forgetBackup": _backups("forget"), "pinBackup": _backups("pin"),
    "backupHabits": _backups("choose_habits"), "vaultSetup": _backups("vault_setup", "vault_setup"), "vaultConfirm": _backups("vault_confirm", "vault_setup"),
    "plan": _of_plan("plan_page"), "decisions": _of_plan("decisions"),
    "vaultSheet": _backups("vault_sheet", "vault_setup"), "vaultRewrap": _backups("vault_rewrap", "vault_setup"),
}
