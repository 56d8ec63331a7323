"""Match, merge, plan, apply, undo: everything that changes a library."""
