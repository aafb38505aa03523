"""Two sides of Ringfence. For a program that runs inside a fence: tells the daemon about the run that it is in, and asks.

    agent = ringfence.Agent()
    agent.say("reading the tests")
    agent.report_usage("small", input_tokens=900, output_tokens=100)
    with agent.critical_section(3):
        migrate()
    agent.safe_point()
    if agent.guard("call", "deploy", words="the tests are green"):
        deploy()

For a person's program outside: who runs, what they ask, and what is done about it, over the control socket.

    client = ringfence.Client()
    for event in client.watch():
        if isinstance(event, ringfence.Question):
            client.deny(event, "not while I am away")

Standard library only. Nothing here makes a fence stronger or weaker: walls hold with or without it, and outside a fence
every call of `Agent` does nothing and says so (see `Agent.absent`).
"""
from . import errors
from .agent import Agent, Denial, Identity, Refused, Totals
from .answers import (Continued, Ended, Exit, Governed, Grant, Held, LogLine, Pausing, PrivateHome, Pruned, Question, Reconnected, Rule,
                      Run, Server, Settled, Stopped, Usage)
from .checkpoint import Checkpoint, CheckpointBusy, CheckpointDamaged, CheckpointError, CheckpointTooLarge, Restored, StepUnsure
from .client import Client, Started, UsageRow
from .errors import ControlError
from .guard import Denied, PendingVerdict, Verdict
from .interruption import Interruption, InterruptionCost
from .launching import Launch
from .lease import Lease
from .notices import Override, Pause, Resumed
from .streams import Stream
from .text import escape

__all__ = [
    "Agent", "Checkpoint", "CheckpointBusy", "CheckpointDamaged", "CheckpointError", "CheckpointTooLarge", "Client", "Continued",
    "ControlError", "Denial", "Denied", "Ended", "Exit", "Governed", "Grant", "Held", "Identity", "Interruption", "InterruptionCost",
    "Launch", "Lease", "LogLine",
    "Override", "Pause", "Pausing", "PendingVerdict", "PrivateHome", "Pruned", "Question", "Reconnected",
    "Refused", "Restored", "Resumed", "Rule", "Run", "Server", "Settled", "Started", "StepUnsure", "Stopped", "Stream", "Totals", "Usage",
    "UsageRow", "Verdict", "errors", "escape"]
__version__ = "0.1.0"
