"""Who agents are, as the configuration says: from its sections to the parts of the transport.

Above: `helio.app.application`. Below: `helio.transport`.
"""

from collections.abc import Iterable

from helio.config.sections import HelioConfig, UpstreamConfig
from helio.transport.authentication import Authenticator
from helio.transport.door import mcp_path
from helio.transport.identification import Identification
from helio.transport.inbound import Inbound, Whole
from helio.transport.oauth import Issuer, Protected, Resource, ResourceMetadata
from helio.transport.sse_door import sse_path


class Agents:
    """What tells the agents of all targets apart."""

    def __init__(self, config: HelioConfig, targets: Iterable[str | None]) -> None:
        self._authenticator = Authenticator(config.auth)
        resources = {
            path(target): _resource(config, target)
            for path in (mcp_path, sse_path)
            for target in targets
        }
        metadata = ResourceMetadata(resources, config.listen.public_url)
        self.identification = Identification(self._authenticator, metadata)

    async def start(self) -> None:
        """Reads the keys of tokens. Raises `StartFailed`."""
        await self._authenticator.start()

    async def aclose(self) -> None:
        """Ends what is under way."""
        await self._authenticator.aclose()

    def challenged(self, answer: Whole, inbound: Inbound) -> Whole:
        """An upstream's answer as the agent gets it (`Identification.challenged`)."""
        if answer.status < 400:
            return answer  # Only a refusal asks for a token.
        path, host = mcp_path(inbound.target), inbound.header("host") or ""
        return self.identification.challenged(answer, path, host)


def _resource(config: HelioConfig, target: str | None) -> Resource:
    """Who asks for tokens at a target."""
    auth = config.auth
    if auth.mode == "jwt" and auth.issuer is not None:
        return Issuer(auth.issuer)
    upstream = _upstream(config, target)
    if auth.mode != "none" or upstream is None or upstream.url is None:
        return None
    operators = any(name.lower() == "authorization" for name in upstream.headers)
    return None if operators or upstream.transport == "stdio" else Protected(upstream.url)


def _upstream(config: HelioConfig, target: str | None) -> UpstreamConfig | None:
    if target is None:
        return config.upstream
    return next((each for each in config.upstreams if each.name == target), None)
