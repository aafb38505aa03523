"""What an interruption of a run would cost: see `Agent.interruption_cost`."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Optional

__all__ = ["Interruption", "InterruptionCost"]

MAX_REDO = 1_000_000.0  # seconds
MAX_HOLD = 86_400.0  # seconds


@dataclass(frozen=True)
class Interruption:
    """What one way to interrupt the run would cost now: an estimate of whoever has to choose among runs."""

    seconds: float
    """Until the run is where it would have been; a hold itself is not counted."""
    tokens: Optional[float]
    """To be bought again; None: not known."""
    work_cpu_seconds: Optional[float]
    """Processor time since the last safe point that would be lost; None: not known."""
    claimed_seconds: float
    """Of `seconds`, what is there because the agent said so (`redo`), as far as it is believed."""
    forbidden: bool
    """It is not done now, whatever it would cost; `why` says why."""
    why: str
    """The greatest part of it, in words."""
    cheaper_after: Optional[float]
    """To wait for so many seconds would be cheaper; None: it would not, or nobody knows."""


@dataclass(frozen=True)
class InterruptionCost:
    """What to be held, held with its memory taken back, and killed would cost the run now."""

    freeze: Interruption
    freeze_and_reclaim: Interruption
    kill: Interruption
    activity: Optional[str]
    """What the run is seen to do: "waiting-for-person", "waiting-for-model", "streaming" or "tool-running"; None: not known."""
    since_safe_point: Optional[float]
    """Seconds; None: no safe point is known, and a kill loses all since the start of the run."""


def redo_of(seconds: float) -> float:
    """As the daemon takes it. By `Agent` alone."""
    return min(max(float(seconds), 0.0), MAX_REDO)


def cost_of(answer: Mapping[str, Any]) -> InterruptionCost:
    """Of the daemon's answer. By `Agent` alone."""
    return InterruptionCost(_interruption(answer["freeze"]), _interruption(answer["freeze_and_reclaim"]), _interruption(answer["kill"]),
                            answer.get("activity") or None, _seconds(answer.get("since_safe_point_ms")))


def _interruption(told: Mapping[str, Any]) -> Interruption:
    return Interruption(float(told["seconds"]), _number(told.get("tokens")), _number(told.get("work_cpu_seconds")),
                        float(told.get("claimed_seconds", 0.0)), bool(told.get("forbidden", False)), str(told.get("why", "")),
                        _seconds(told.get("cheaper_after_ms")))


def _number(told: Any) -> Optional[float]:
    return None if told is None else float(told)


def _seconds(milliseconds: Any) -> Optional[float]:
    return None if milliseconds is None else int(milliseconds) / 1000
