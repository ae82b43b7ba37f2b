"""What can go wrong between a program and Helio's SDK port.

Above: everything in `helio.sdk`. Below: nothing. Pure.
"""

from collections.abc import Sequence


class HelioError(Exception):
    """What all errors of the SDK have in common. The text says what to do."""


class HelioUnreachable(HelioError):
    """Nothing answered: Helio does not run, not there, or not in time. What was asked may or may
    not have happened; marks and context may be sent again."""


class RequestRefused(HelioError):
    """Helio answered, and did not do what was asked.

    `status` is that of HTTP, `reason` a stable word (docs/sdk.md), empty where there is none;
    before `retry_after` seconds it cannot go better.
    """

    def __init__(self, text: str, status: int, reason: str = "", retry_after: float = 1.0) -> None:
        super().__init__(text)
        self.status = status
        self.reason = reason
        self.retry_after = retry_after


class TokenRefused(RequestRefused):
    """The token is missing, wrong or expired, or is not for this agent or this evidence."""


class TooManyRequests(RequestRefused):
    """More than the port takes; `retry_after` seconds later it takes more."""


REFUSALS = {401: TokenRefused, 403: TokenRefused, 429: TooManyRequests}


class EvidenceMissing(HelioError):
    """The session lacks evidence that the program requires. `missing` was never there, `expired`
    does not count any more."""

    def __init__(self, missing: Sequence[str], expired: Sequence[str]) -> None:
        parts = [
            f"{what}: {', '.join(keys)}"
            for what, keys in (("missing", missing), ("expired", expired))
            if keys
        ]
        super().__init__(f"the session lacks evidence ({'; '.join(parts)})")
        self.missing = tuple(missing)
        self.expired = tuple(expired)
