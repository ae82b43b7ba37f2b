"""The upstreams by name: each with its port, what of an agent's headers it gets, and its health.

Above: `helio.runtime`, `helio.transport`, `helio.app`. Below: the ports (`helio.upstream.build`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Literal

from helio.config.sections import DEFAULT_UPSTREAM
from helio.errors import UpstreamFailed
from helio.protocol.headers import ForwardRules, Header, forward_rules
from helio.protocol.modern import Parameters
from helio.upstream.bridge.legacy_agent import ParametersOf, no_parameters
from helio.upstream.build import UpstreamSettings, build_port
from helio.upstream.port import Port, Response

DEFAULT_NAME = DEFAULT_UPSTREAM
"""The name of the one upstream of a configuration that has `upstream` and not `upstreams`."""


class Health:
    """What is known of an upstream's state. Times are ISO 8601 UTC, None when it never happened.

    `status` is `unknown` until the first request ends one way or the other.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._last_success: datetime | None = None
        self._last_failure: datetime | None = None
        self.status: Literal["unknown", "up", "down"] = "unknown"
        self.last_error: str | None = None

    def answered(self) -> None:
        """The upstream answered a request, whatever it said."""
        self.status = "up"
        self._last_success = self._now()

    def failed(self, failure: UpstreamFailed) -> None:
        """A request got no whole answer."""
        self.status = "down"
        self._last_failure = self._now()
        self.last_error = str(failure)

    @property
    def last_success(self) -> str | None:
        """When a request was last answered."""
        return _iso(self._last_success)

    @property
    def last_failure(self) -> str | None:
        """When a request last failed."""
        return _iso(self._last_failure)


class Upstream:
    """One named upstream: its port, what of an agent's headers it gets, and its health.

    `request_timeout` is in seconds: how long it may stay silent while it is asked something.
    `port` and `health` are for another way to an upstream that there is already.
    `parameters_of` gives the arguments of a tool that are mirrored in headers (2026-07-28); who
    knows the tools sets it.
    Raises `ValueError` for settings that cannot be used.
    """

    def __init__(
        self,
        settings: UpstreamSettings,
        now: Callable[[], datetime],
        port: Port | None = None,
        health: Health | None = None,
    ) -> None:
        self.name = settings.name
        self.request_timeout = settings.request_timeout
        self.parameters_of: ParametersOf = no_parameters
        self._port: Port = build_port(settings, self._parameters) if port is None else port
        self.rules: ForwardRules = forward_rules(
            operator_names=settings.headers,
            patterns=settings.forward_headers,
            open_mode=settings.open_mode,
        )
        self.health = Health(now) if health is None else health

    async def send(
        self,
        method: str,
        headers: Sequence[Header],
        body: bytes | memoryview | None,
        *,
        path_suffix: str = "",
        timeout: float | None,  # noqa: ASYNC109 - between bytes, not around the call
    ) -> Response:
        """`helio.upstream.port.Port.send`, with the result taken down in `health`.

        A request without `timeout` is a standing stream. A failure while the body is read is the
        reader's to report (`health.failed`).
        """
        try:
            response = await self._port.send(
                method, headers, body, path_suffix=path_suffix, timeout=timeout
            )
        except UpstreamFailed as failure:
            if failure.sent or failure.reason in ("connect_failed", "connect_timeout"):
                self.health.failed(failure)
            raise
        self.health.answered()
        return response

    def _parameters(self, tool: str) -> Parameters | None:
        return self.parameters_of(tool)

    async def aclose(self) -> None:
        """Ends everything."""
        await self._port.aclose()


class Upstreams:
    """All upstreams of one configuration, in its order. Raises `ValueError` for two of one name."""

    def __init__(
        self,
        settings: Iterable[UpstreamSettings],
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._by_name: dict[str, Upstream] = {}
        for each in settings:
            if each.name in self._by_name:
                raise ValueError(f"two upstreams are named {each.name!r}")
            self._by_name[each.name] = Upstream(each, now)

    def __getitem__(self, name: str) -> Upstream:
        """The upstream of this name. Raises `KeyError`."""
        return self._by_name[name]

    def __iter__(self) -> Iterator[Upstream]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    async def aclose(self) -> None:
        """Closes every client."""
        for upstream in self:
            await upstream.aclose()


def _iso(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
