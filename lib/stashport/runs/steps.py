"""How far a run is: named steps, each weighted by its usual share of the time; from them one fraction, a rate and the time that remains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

SURE_AFTER = 2.0
"""Seconds before anything is said about the time that remains: earlier guesses are wild."""


class Steps:
    """The steps of one run.  All times are seconds of one steady clock, given by the caller."""

    def __init__(self, now: float) -> None:
        self.done = 0
        self.total: int | None = None
        self._steps: list[dict[str, Any]] = []
        self._at = -1
        self._began = now
        self._step_began = now
        self._fraction = 0.0

    def declare(self, steps: Iterable[tuple[str, float]]) -> None:
        """Name the steps to come with their weights (any positive numbers), in order."""
        self._steps += [{"name": name, "weight": max(float(weight), 0.0), "state": "waiting", "seconds": None} for name, weight in steps]

    def enter(self, name: str, total: int | None, now: float) -> None:
        """Go on to a step.  One that was not declared is put in as the next."""
        self._leave(now)
        ahead = [i for i in range(self._at + 1, len(self._steps)) if self._steps[i]["name"] == name]
        following = ahead[0] if ahead else self._at + 1
        if not ahead:
            self._steps.insert(following, {"name": name, "weight": 1.0, "state": "waiting", "seconds": None})
        for step in self._steps[self._at + 1 : following]:
            step["state"] = "left out"
        self._at, self._step_began, self.done, self.total = following, now, 0, total
        self._steps[following]["state"] = "running"

    def finish(self, now: float, *, whole: bool) -> None:
        """The run has ended; `whole` when all of it was done."""
        self._leave(now, "done" if whole else "broken off")
        if whole:
            self._fraction = 1.0
            for step in self._steps:
                step["state"] = "left out" if step["state"] == "waiting" else step["state"]

    def _leave(self, now: float, state: str = "done") -> None:
        if self._at >= 0 and self._steps[self._at]["state"] == "running":
            self._steps[self._at].update(state=state, seconds=round(now - self._step_began, 3))

    @property
    def name(self) -> str:
        """The step of now; '' before the first."""
        return str(self._steps[self._at]["name"]) if self._at >= 0 else ""

    def record(self) -> list[dict[str, Any]]:
        """Each step as {name, weight, state: waiting|running|done|left out|broken off, seconds}."""
        return self._steps

    def fraction(self) -> float:
        """0 to 1 over all steps; never goes back, and stands still in a step whose total is not known."""
        everything = sum(step["weight"] for step in self._steps)
        if self._at >= 0 and everything > 0:
            share = 0.0 if self.total is None else 1.0 if self.total <= 0 else min(self.done / self.total, 1.0)
            passed = sum(step["weight"] for step in self._steps[: self._at])
            self._fraction = max(self._fraction, min((passed + share * self._steps[self._at]["weight"]) / everything, 1.0))
        return self._fraction

    def progress(self, now: float) -> dict[str, Any]:
        """{phase, step, steps, done, total, fraction, rate, remaining}.

        `rate` is in items per second of this step, `remaining` in seconds for the whole run, or None while that is not known.
        """
        fraction, elapsed, in_step = self.fraction(), now - self._began, now - self._step_began
        sure = elapsed >= SURE_AFTER and 0.02 <= fraction < 1
        return {
            "phase": self.name,
            "step": self._at + 1,
            "steps": len(self._steps),
            "done": self.done,
            "total": self.total,
            "fraction": round(fraction, 4),
            "rate": round(self.done / in_step, 1) if in_step >= 0.2 else 0.0,
            "remaining": round(elapsed * (1 - fraction) / fraction, 1) if sure else None,
        }
