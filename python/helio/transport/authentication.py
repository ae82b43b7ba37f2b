"""Who an agent is, from its `Authorization` header (RFC 6750).

Above: the doors. Below: `helio.transport.signed_tokens`, `helio.config`. Tokens stand in no log, no
error and no audit; an agent whose token is refused learns only that it was. Refusals are not
recorded: anybody could fill the disk with them.
"""

import hmac
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Final, NoReturn

from helio.config.identity import AuthConfig
from helio.errors import StartFailed
from helio.protocol.challenges import quoted
from helio.protocol.jsonrpc import INTERNAL_ERROR
from helio.transport.admission import Rejection
from helio.transport.signed_tokens import SignedTokens, TokenRefused
from helio.transport.signing_keys import KeysFile, KeysUnavailable, KeysUrl, SigningKeys

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS: Final = 5
QUIET_SECONDS: Final = 10.0
"""How long the log says nothing more about refusals of one kind."""


class Authenticator:
    """Tells agents apart as `auth` says. `now` gives seconds since 1970, `clock` monotonic ones."""

    def __init__(
        self,
        config: AuthConfig,
        *,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._mode = config.mode
        self._clock = clock
        self._told: dict[str, float] = {}
        self._keys = _signing_keys(config, clock) if config.mode == "jwt" else None
        self._signed = None if self._keys is None else SignedTokens(config, self._keys, now)
        # Digests under a key that nobody knows: how long a comparison takes tells nothing.
        self._secret = secrets.token_bytes(32)
        self._agents = {
            self._digest(each.token.get_secret_value()): each.agent for each in config.tokens
        }

    async def start(self) -> None:
        """Reads the keys for the first time.

        Raises `StartFailed` for a file without usable keys. A URL may be out of reach: it is asked
        again when the first token comes.
        """
        if self._keys is None:
            return
        await self._keys.tend()
        if self._keys.local and self._keys.failure is not None:
            raise StartFailed(
                f"the keys of agents' tokens cannot be read: {self._keys.failure}",
                "Put the issuer's public keys, as a JWK set, into the file that `auth.jwks_file` "
                "names.",
            )

    async def aclose(self) -> None:
        """Ends what is under way."""
        if self._keys is not None:
            await self._keys.aclose()

    async def authenticate(
        self, authorization: Sequence[str], metadata_url: str | None = None
    ) -> str | None:
        """The id of the agent that sent these `Authorization` headers; None when nobody asks.

        `metadata_url` is where an agent finds out who gives out tokens (RFC 9728); the challenge
        names it. Raises `Rejection`: 401 without a token that counts, 400 for two, 503 when there
        are no keys to verify one by.
        """
        if self._mode == "none":
            return None
        token = self._token(authorization, metadata_url)
        if self._signed is None:
            agent = self._agents.get(self._digest(token))
            return self._refuse("nobody has it", metadata_url) if agent is None else agent
        try:
            return await self._signed.agent(token)
        except TokenRefused as refused:
            self._refuse(str(refused), metadata_url)
        except KeysUnavailable as error:
            self._log(f"tokens cannot be verified: {error}")
            raise Rejection(
                503,
                "authentication_unavailable",
                "Tokens cannot be verified at the moment. Try again in a few seconds.",
                INTERNAL_ERROR,
                headers=((b"retry-after", b"%d" % RETRY_AFTER_SECONDS),),
                recorded=False,
            ) from None

    def _token(self, authorization: Sequence[str], metadata_url: str | None) -> str:
        if len(authorization) > 1:
            raise Rejection(
                400,
                "invalid_authorization",
                "Authorization comes more than once.",
                headers=(_challenge("invalid_request", metadata_url),),
                recorded=False,
            )
        scheme, _, token = (authorization[0] if authorization else "").partition(" ")
        if scheme.lower() != "bearer":
            raise Rejection(
                401,
                "unauthenticated",
                "This needs a bearer token: `Authorization: Bearer …`.",
                headers=(_challenge(None, metadata_url),),
                recorded=False,
            )
        return token.strip(" ")

    def _refuse(self, why: str, metadata_url: str | None) -> NoReturn:
        self._log(f"a bearer token was refused: {why}")
        raise Rejection(
            401,
            "invalid_token",
            "The bearer token does not count here.",
            headers=(_challenge("invalid_token", metadata_url),),
            recorded=False,
        )

    def _log(self, line: str) -> None:
        """Tells the operator, but lets nobody fill the log."""
        now = self._clock()
        if now - self._told.get(line, float("-inf")) >= QUIET_SECONDS:
            self._told[line] = now
            logger.warning("%s", line)

    def _digest(self, token: str) -> bytes:
        text = token.encode("utf-8", "surrogateescape")
        return hmac.digest(self._secret, text, "sha256")


def _signing_keys(config: AuthConfig, clock: Callable[[], float]) -> SigningKeys:
    if config.jwks_file is not None:
        return SigningKeys(KeysFile(config.jwks_file), clock)
    if config.jwks_url is not None:
        return SigningKeys(KeysUrl(config.jwks_url), clock)
    raise ValueError("`mode: jwt` without keys")


def _challenge(error: str | None, metadata_url: str | None) -> tuple[bytes, bytes]:
    """`WWW-Authenticate` (RFC 6750, section 3; RFC 9728, section 5.1)."""
    parameters = [b'realm="helio"']
    if error is not None:
        parameters.append(b"error=" + quoted(error.encode()))
    if metadata_url is not None:
        parameters.append(b"resource_metadata=" + quoted(metadata_url.encode()))
    return b"www-authenticate", b"Bearer " + b", ".join(parameters)
