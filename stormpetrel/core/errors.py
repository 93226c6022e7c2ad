"""Every error that Stormpetrel raises on purpose. Each says what happened, to what, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence


class StormpetrelError(Exception):
    """The ancestor of all errors. `exit_code` is what the command line returns; `is_temporary` says whether a retry can
    help."""

    exit_code = 1
    is_temporary = False


class MalformedRecord(StormpetrelError):
    """A record of a source or a topic does not have the form that it should have."""


class RecordTooLarge(MalformedRecord):
    """A record is larger than what the broker takes."""


class UnknownSchema(StormpetrelError):
    """An event names a schema, or a version of it, that this release cannot read."""


class NotFound(StormpetrelError):
    """No document has this id."""


class BadQuery(StormpetrelError):
    """A query cannot be answered as asked. `field` names the part at fault, `remedy` what to send instead."""

    def __init__(self, field: str, problem: str, remedy: str) -> None:
        super().__init__(f"{field}: {problem}. {remedy}")
        self.field, self.problem, self.remedy = field, problem, remedy


class BadPicture(StormpetrelError):
    """A picture cannot be read, or is larger than what is taken. `remedy` says what to send instead."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"the picture cannot be used: {problem}. {remedy}")
        self.problem, self.remedy = problem, remedy


class BadProduct(StormpetrelError):
    """A Sentinel product cannot be worked on: what is wrong with it, and what would help."""


class HostRefused(StormpetrelError):
    """A host has an address that is not public, and no setting allows it."""


class HostUnreachable(StormpetrelError):
    """A host has no address, or does not answer at any of them."""

    is_temporary = True


class DownloadRefused(StormpetrelError):
    """What an address holds is not taken: its host, its size or its form is not allowed, or it is gone for good."""


class DownloadFailed(StormpetrelError):
    """What an address holds did not come this time: it may come the next."""

    is_temporary = True


class DeliveryFailed(StormpetrelError):
    """A receiver of alerts did not take a message. The message is kept and sent again."""

    is_temporary = True


class StoreUnavailable(StormpetrelError):
    """A store or the broker does not answer. The work is kept and retried."""

    is_temporary = True


class Superseded(StormpetrelError):
    """Another process has taken this one's work over, or has written in between. What it wrote is read, and the work
    goes on from there."""

    is_temporary = True


class StoreRefused(StormpetrelError):
    """A store answered, and does not take what it was given: trying again cannot help. `ids` are the entities that it
    refuses, where it names them."""

    def __init__(self, message: str, ids: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.ids = tuple(ids)


class ModelUnavailable(StormpetrelError):
    """A model is not in the cache, or its files are not the ones that were exported."""


class SetupError(StormpetrelError):
    """Something that this command needs is missing on the machine; the message says how to get it."""

    exit_code = 2


class StillKept(StormpetrelError):
    """Something that was to be forgotten stays, and no time will remove it."""

    exit_code = 3


class LostOrDoubled(StormpetrelError):
    """A check of counts and ids found a difference between the log and the stores."""

    exit_code = 3
