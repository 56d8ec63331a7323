#!/usr/bin/env python3
"""Stash Port, the one program: started by Stash with JSON on its standard input, or by a person with a command."""

import os
import sys

# Old Pythons must get as far as the sentence that turns them away: this file keeps to what they understand.
if sys.version_info < (3, 10):
    sys.stderr.write("Stash Port needs Python 3.10 or newer; this is {}.{}. ".format(*sys.version_info))
    sys.stderr.write("Install a newer one, or set its path in Stash under Settings > System.\n")
    sys.exit(2)

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))


def main() -> int:
    """Choose the door."""
    if len(sys.argv) == 1 and not sys.stdin.isatty():
        from stashport.plugin import main as door
    else:
        from stashport.cli import main as door
    return door()


if __name__ == "__main__":
    sys.exit(main())
