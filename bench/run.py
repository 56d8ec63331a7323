#!/usr/bin/env python3
"""Measures Stash Port beside Stash's own way, in one run, as ratios.

    python3 bench/run.py [--scenes 10000] [--images N] [--seed 1] [--parts export,reader,start]

Needs a Stash (STASH_BIN, else `stash` on PATH).  Times are whole processes: start-up, re-reading and fsync are in ours.  The machine is shared with
whatever else runs on it: trust the ratios, and run it again when they surprise you.  Backups are measured by backup.py, restoring by restore.py.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "lib")]

from support.stash import Libraries, RealStash, find_stash  # noqa: E402 - the path has to be set first

PAGE = (
    'query($p:Int!){findScenes(filter:{page:$p,per_page:500,sort:"id",direction:ASC}){scenes{%s}}}'
)
MEASURE = (
    "import resource,subprocess,sys,time\ns=time.perf_counter()\nr=subprocess.run(sys.argv[1:],stdout=subprocess.DEVNULL)\n"
    "u=resource.getrusage(resource.RUSAGE_CHILDREN)\nprint(time.perf_counter()-s,u.ru_maxrss,r.returncode)"
)


def measured(*command: str) -> tuple[float, float]:
    """(seconds, peak memory in MB) of a command as a process of its own."""
    done = subprocess.run([sys.executable, "-c", MEASURE, *command], capture_output=True, text=True, check=True)
    seconds, peak, code = done.stdout.split()
    if code != "0":
        raise SystemExit(f"{' '.join(command)} ended with {code}: {done.stderr}")
    return float(seconds), int(peak) / 1000


def say(what: str, seconds: float, memory: float | None = None, ratio: str = "") -> None:
    """One row of the table."""
    print(f"{what:58} {seconds:9.2f} s {'' if memory is None else f'{memory:7.1f} MB'} {ratio}", flush=True)


def native_export(stash: RealStash) -> float:
    """Seconds of Stash's own full export (metadataExport)."""
    began = time.perf_counter()
    job = stash.gql("mutation{metadataExport}")["metadataExport"]
    while True:
        found = stash.gql("query($id:ID!){findJob(input:{id:$id}){status}}", {"id": job})["findJob"]
        if not found or found["status"] in ("FINISHED", "FAILED", "CANCELLED"):
            return time.perf_counter() - began
        time.sleep(0.05)


def export(folder: Path, place: str, *more: str) -> tuple[float, float]:
    """Our export as a command of its own; (seconds, MB)."""
    target = folder / f"export-{time.monotonic_ns()}.json"
    result = measured(sys.executable, str(ROOT / "stash_port.py"), "export", place, "-q", "--state", str(folder / "state"), "--to", str(target), *more)
    print(f"    {target.stat().st_size / 1e6:.1f} MB written")
    target.unlink()
    return result


def bench_export(stash: RealStash, folder: Path, runs: int) -> None:
    """Full JSON export, database reader, beside metadataExport."""
    ours = [export(folder, stash.url, "--reader", "database") for _ in range(runs)]
    native = native_export(stash)
    ours += [export(folder, stash.url, "--reader", "database") for _ in range(runs)]
    seconds = sorted(s for s, _ in ours)[len(ours) // 2]
    say("metadataExport (Stash's own)", native)
    say("full JSON export of the running Stash, database reader", seconds, max(m for _, m in ours), f"{native / seconds:.1f} times faster")
    seconds, memory = export(folder, str(stash.database))
    say("the same from the database file", seconds, memory, f"{native / seconds:.1f} times faster")


def bench_reader(stash: RealStash) -> None:
    """The GraphQL reader beside bare paging of the same fields."""
    from stashport.model.fields import SCENE
    from stashport.stash.connection import Connection
    from stashport.stash.graphql import GraphQLReader

    reader = GraphQLReader(Connection(stash.url))
    fields = tuple(f for f in reader.fields(SCENE) if f.type != "image")
    selection = " ".join(["id", *(reader.can.selection(f, "Scene") for f in fields)])
    rates: dict[str, list[float]] = {"bare": [], "ours": []}
    for _ in range(3):
        began, count, page = time.perf_counter(), 0, 1
        while found := bare_page(stash, PAGE % selection, page):
            count, page = count + found, page + 1
        rates["bare"].append(count / (time.perf_counter() - began))
        began = time.perf_counter()
        count = sum(len(batch.lines) for batch in reader.batches(SCENE, fields))
        rates["ours"].append(count / (time.perf_counter() - began))
    bare, ours = sorted(rates["bare"])[1], sorted(rates["ours"])[1]
    print(f"bare paging {bare:,.0f} scenes/s, GraphQL reader {ours:,.0f} scenes/s: {ours / bare:.2f} of the bare rate")


def bare_page(stash: RealStash, document: str, page: int) -> int:
    """Scenes in one page, asked for with requests and nothing else."""
    import requests

    session = bare_page.__dict__.setdefault("session", requests.Session())
    answer = session.post(stash.url + "/graphql", data=json.dumps({"query": document, "variables": {"p": page}}),
                          headers={"Content-Type": "application/json", "Accept-Encoding": "identity"}, timeout=300).json()
    return len(answer["data"]["findScenes"]["scenes"])


def bench_start(folder: Path) -> None:
    """An operation that needs no server, beside an empty Python."""
    given = json.dumps({"server_connection": {"Dir": str(folder), "PluginDir": str(ROOT)}, "args": {"mode": "runs"}}).encode()
    times: dict[str, list[float]] = {"pass": [], "operation": []}
    for _ in range(40):
        for name, command, data in (("pass", ["-c", "pass"], b""), ("operation", [str(ROOT / "stash_port.py")], given)):
            began = time.perf_counter()
            subprocess.run([sys.executable, *command], input=data, capture_output=True, check=True)
            times[name].append(time.perf_counter() - began)
    bare, ours = (sorted(times[name])[20] for name in ("pass", "operation"))
    print(f"python3 -c pass {bare * 1000:.0f} ms, an operation {ours * 1000:.0f} ms: {ours / bare:.2f} times (medians of 40)")


def main() -> None:
    """Fill a library, start a Stash on it, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=10_000)
    parser.add_argument("--images", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=2, help="of ours, before and after the native one")
    parser.add_argument("--parts", default="export,reader,start")
    parser.add_argument("--database", type=Path, help="a filled database file of your own to measure on (it is copied)")
    arguments = parser.parse_args()
    program, why = find_stash()
    if program is None:
        raise SystemExit(f"no Stash to measure with: {why}")
    print(f"{why}; Python {sys.version.split()[0]}; {os.cpu_count()} cores; {arguments.scenes:,} scenes")
    with tempfile.TemporaryDirectory(prefix="stash-port-bench-") as name:
        folder = Path(name)
        libraries = Libraries(folder / "libraries")
        more: dict[str, Any] = {} if arguments.images is None else {"images": arguments.images}
        if arguments.database:
            library = libraries.empty().copy(folder / "given")
            library.database.write_bytes(arguments.database.read_bytes())
        else:
            library = libraries.filled(scenes=arguments.scenes, seed=arguments.seed, **more)
        with RealStash(folder / "stash", library=library) as stash:
            if "export" in arguments.parts:
                bench_export(stash, folder, arguments.runs)
            if "reader" in arguments.parts:
                bench_reader(stash)
        if "start" in arguments.parts:
            bench_start(folder)


if __name__ == "__main__":
    main()
