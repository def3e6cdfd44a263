"""What a person is told when the cluster cannot be had: one sentence, and no traceback."""


class ClusterError(Exception):
    """The base of all that is reported to the user as a plain line."""


class HeldElsewhereError(ClusterError):
    """Another checkout, or another program, holds a name that this cluster needs."""


class NotReadyError(ClusterError):
    """A process died, or did not become ready in time."""


class MissingToolError(ClusterError):
    """Something that the machine lacks and that may not be installed here."""
