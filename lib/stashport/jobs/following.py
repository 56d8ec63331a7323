"""Goes on behind Stash's own import: what is a task of Stash's queue must end before that runs, and another task, queued behind it, finishes the work."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from stashport.jobs.tasks import PLUGIN_ID
from stashport.runs.secrets import keep
from stashport.stash.archive_handed import HandedOver
from stashport.stash.connection import Connection

if TYPE_CHECKING:
    from stashport.jobs.context import Context
    from stashport.runs.record import Run

_FOLLOW = """mutation StashPortFollow($plugin:ID!,$description:String!,$arguments:Map!){
    runPluginTask(plugin_id:$plugin,description:$description,args_map:$arguments)}"""


@contextlib.contextmanager
def followed(run: Run, context: Context) -> Iterator[None]:
    """Where something was handed over to Stash's import, the run ends here, in part; a task `resume` is queued behind it.  Errors: those of Connection."""
    try:
        yield
    except HandedOver as handed:
        follow(handed, run, context)


def follow(handed: HandedOver, run: Run, context: Context) -> None:
    """Queue the task that goes on, and say so."""
    assert isinstance(context.place, Connection)
    following = context.state.new_run_id()
    config = {"run": run.id}
    if context.passphrase:
        config["secret"] = keep(context.state, context.passphrase.reveal())
    arguments = {"mode": "resume", "run": following, "config": config}
    told = context.place.mutate(_FOLLOW, {"plugin": PLUGIN_ID, "description": f"Stash Port: go on with {run.id}", "arguments": arguments})
    run.note("handed_over", {"job": handed.job, "task": told["runPluginTask"], "next": following})
    sentence = (f"Everything went well so far, and it is not finished yet: Stash now makes the files known with an import of its own (task {handed.job}), "
                f"and the run {following} goes on by itself when that has ended.")
    run.note("sentence", sentence)
    run.warn(f"{sentence} Should it not, `resume {run.id}` does.", incomplete=True)
