"""For a program that runs inside a Ringfence fence: tells the daemon about the run that it is in, and asks about it.

    import ringfence

    agent = ringfence.Agent()
    agent.say("reading the tests")
    agent.report_usage("small", input_tokens=900, output_tokens=100)
    with agent.critical_section(3):
        migrate()
    agent.safe_point()

Standard library only. Nothing here makes a fence stronger or weaker: walls hold with or without it, and outside a fence
every call does nothing and says so (see `Agent.absent`).
"""
from .agent import Agent, Denial, Identity, Refused, Totals

__all__ = ["Agent", "Denial", "Identity", "Refused", "Totals"]
__version__ = "0.1.0"
