"""What can go wrong between a client and the daemon, one class for each code that the daemon has. See `ControlError`. And what an
agent is refused: `Refused`."""
from __future__ import annotations

from typing import TYPE_CHECKING, Dict, Type

if TYPE_CHECKING:
    from ._wire import Fields

__all__ = ["AlreadyAnswered", "Away", "Broken", "Busy", "ControlError", "Denied", "Internal", "Invalid", "Lagged", "Latched", "Lost",
           "NotFound", "PolicyInvalid", "Refused", "Unavailable", "Unsupported"]


class Refused(Exception):
    """Of `Agent`: the daemon understood and said no. `code` is one of invalid, busy, unavailable, internal."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class ControlError(Exception):
    """A call of `Client` that did not do what was asked. Every other error of the client is one of these.

    `code`: the daemon's word for it, such as "denied". `message`: for people; escape it before it is shown, it may hold names
    that an agent chose. `token`: of a launch, the wall or step that refused; else "". `exit_code`: what the command line would
    end with. `json`: details as JSON, such as the lines of a policy that are wrong; else "".
    """

    def __init__(self, message: str, code: str = "", *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.exit_code = exit_code
        self.token = ""
        self.json = ""
        self.last_seq = 0


class Invalid(ControlError):
    """The request is wrong in itself; asked again it fails again."""


class Denied(ControlError):
    """The caller may not do this, or a policy does not allow it; or the socket is served by somebody who is neither root nor
    the caller, who is then told nothing."""


class NotFound(ControlError):
    """There is no such run, question or grant, or the caller may not see it."""


class Busy(ControlError):
    """Somebody else is at it; later it may work."""


class Unsupported(ControlError):
    """This daemon, or this kernel, cannot do it."""


class Internal(ControlError):
    """The daemon failed; its log says more."""


class PolicyInvalid(ControlError):
    """A policy cannot be used. `json` has each mistake with file, line and column where the daemon found it."""


class AlreadyAnswered(ControlError):
    """The question was answered, has expired or was withdrawn before."""


class Latched(ControlError):
    """The emergency stop is on: nothing starts and nothing is resumed before somebody says `ringfence rearm`."""


class Unavailable(ControlError):
    """It cannot be done now: the daemon says so, or is not there (then it is `Away`). Later it may work."""


class Away(Unavailable):
    """The daemon is not there, went away, or did not answer in time. Nothing was done that matters if it is done twice."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "unavailable", exit_code=3)


class Lost(Away):
    """The connection went away before the answer came. What was asked may have been done: look before it is asked again.

    `run`: of a launch, the id that the run has if it exists; "" where it was not told.
    """

    def __init__(self, message: str, *, run: str = "") -> None:
        super().__init__(message)
        self.run = run


class Lagged(ControlError):
    """A stream was not read for too long, and the daemon closed it. `last_seq`: of the log, the last line that was sent."""


class Broken(ControlError):
    """What came is no answer, or is over a bound. The connection is closed; nothing of it was believed."""


_BY_CODE: Dict[str, Type[ControlError]] = {
    "invalid": Invalid, "denied": Denied, "not-found": NotFound, "busy": Busy, "unsupported": Unsupported,
    "unavailable": Unavailable, "internal": Internal, "policy": PolicyInvalid, "lagged": Lagged, "gone": AlreadyAnswered,
    "latched": Latched}


def error_of(answer: "Fields") -> ControlError:
    """The error that an answer of the daemon is; an unknown code is a plain `ControlError`."""
    code, token, exit_code = answer.text("code"), answer.text("token"), answer.number("exit_code")
    kind = _BY_CODE.get("latched" if token == "latched" or exit_code == 7 else code, ControlError)
    error = kind(answer.text("message"), code)
    error.token, error.exit_code, error.json = token, exit_code or 1, answer.text("json")
    error.last_seq = answer.number("last_seq")
    return error
