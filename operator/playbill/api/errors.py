"""The three fates of trouble, and nothing else.

    Trouble
    ├── Stalled   the user must act: a condition says how to mend it
    ├── Waiting   something is not there yet: its own event ends the wait
    └── Retry     anything else: tried again with backoff

Every error that a layer raises on purpose is one of these three, so the code
that catches it never has to ask what to do next. `reason` is the CamelCase
word that a condition and an Event carry; the message is for the person who
reads them, and holds no secret.
"""

from typing import Self


class Trouble(Exception):  # noqa: N818 - a fate, not an error class
    """Trouble with a reason (a condition's CamelCase word) and a message for people.

    `after` is in how many seconds to look again, where that is known.
    """

    def __init__(self, reason: str, message: str, *, after: float | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.after = after

    def kept(self) -> Self:
        """Itself, to be remembered: without the frames that it came through, for what they hold,
        such as all that a server has answered, would stay as long."""
        self.__traceback__ = self.__context__ = self.__cause__ = None
        return self


class Stalled(Trouble):
    """The user must act; retrying the same input cannot help, unless time can: `after`."""


class Waiting(Trouble):
    """A dependency is not there yet; its appearance ends the wait."""


class Retry(Trouble):
    """A passing fault; `after` may be the server's own wish."""
