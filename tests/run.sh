#!/usr/bin/env bash
# The one test command: bash tests/run.sh [arguments for pytest]
# Needs Python 3.10 or later; everything else goes into .venv. Without npm the panel's types are not checked, and without a
# Stash (STASH_BIN, else stash on PATH) the tests that need one are skipped: both are said.
set -uo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
typescript=7.0.2
failed=()

check() { # name, command...: runs a step, and remembers it when it fails
    printf '\n== %s\n' "$1"
    "${@:2}" || failed+=("$1")
}

"$python" -c 'import sys; sys.exit(0 if sys.version_info >= (3, 10) else "Python 3.10 or later is needed, this is " + sys.version)' || exit 2

demo_alone() { # in a folder of its own, with no package that somebody installed
    local program=$PWD/stash_port.py folder status
    folder=$(mktemp -d)
    (cd "$folder" && HOME=$folder "$python" -I -S "$program" demo)
    status=$?
    rm -rf "$folder"
    return $status
}
check "the core, without any package" demo_alone

if ! cmp -s tests/requirements.txt .venv/installed.txt; then
    printf '\n== packages for the tests, into .venv\n'
    "$python" -m venv .venv || { echo "python3 -m venv failed: install your system's package for it (python3-venv on Debian and Ubuntu)"; exit 2; }
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement tests/requirements.txt || exit 2
    cp tests/requirements.txt .venv/installed.txt
fi
check "ruff" .venv/bin/ruff check --output-format concise
check "mypy" .venv/bin/mypy

check_panel() {
    if [ ! -f js/jsconfig.json ]; then
        echo "not run: there is no js/jsconfig.json"
    elif ! npx --yes --package "typescript@$typescript" tsc --version >/dev/null 2>&1; then
        echo "not run: there is no npm here that can get TypeScript $typescript"
    else
        npx --yes --package "typescript@$typescript" tsc --project js/jsconfig.json
    fi
}
check "types of the panel" check_panel

printf '\n== tests\n'
.venv/bin/python -m pytest "$@"
status=$?
if [ ${#failed[@]} -gt 0 ]; then
    printf 'failed before the tests:'
    printf ' [%s]' "${failed[@]}"
    printf '\n'
    [ "$status" -ne 0 ] || status=1
fi
exit "$status"
