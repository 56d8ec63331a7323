"""What the tests stand on: a real Stash, and libraries to fill it with."""
