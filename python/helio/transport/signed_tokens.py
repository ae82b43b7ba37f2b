"""From a JWT to the agent that its issuer vouches for (RFC 7519, RFC 8725).

Above: `helio.transport.authentication`. Below: `helio.transport.signing_keys`, PyJWT. A token that
was verified once is remembered by its digest until it expires, or until the keys change.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import jwt

from helio.config.identity import AuthConfig, is_agent
from helio.transport.signing_keys import SigningKeys

MAX_TOKEN: Final = 16 * 1024
"""Characters of a token; a longer one is refused unread."""
REMEMBERED: Final = 10_000


class TokenRefused(Exception):
    """A token that says nothing about who sends it. The text says why, and nothing that it held."""


class _Verified(NamedTuple):
    agent: str
    until: float
    generation: int


class SignedTokens:
    """Verifies the tokens of one issuer. `now` gives seconds since 1970."""

    def __init__(
        self, config: AuthConfig, keys: SigningKeys, now: Callable[[], float] = time.time
    ) -> None:
        self._keys = keys
        self._now = now
        self._issuer = config.issuer or ""
        self._audience = config.audience or ""
        self._algorithms = frozenset[str](config.algorithms)
        self._leeway = config.leeway / 1000
        self._claim = config.agent_claim
        self._verified: OrderedDict[bytes, _Verified] = OrderedDict()

    async def agent(self, token: str) -> str:
        """Whose token it is. Raises `TokenRefused`, and `KeysUnavailable` when nobody can tell."""
        await self._keys.tend()
        if len(token) > MAX_TOKEN:
            raise TokenRefused("it is too long")
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        known = self._verified.get(digest)
        if known is not None:
            if known.generation == self._keys.generation and self._now() < known.until:
                self._verified.move_to_end(digest)
                return known.agent
            del self._verified[digest]
        generation = self._keys.generation
        agent, until = await self._verify(token)
        self._verified[digest] = _Verified(agent, until, generation)
        if len(self._verified) > REMEMBERED:
            self._verified.popitem(last=False)
        return agent

    async def _verify(self, token: str) -> tuple[str, float]:
        """The agent, and until when the token says so."""
        kid, algorithm = self._header(token)
        key = await self._keys.find(kid, algorithm)
        if key is None:
            raise TokenRefused("no key of the set fits it")
        try:
            claims = jwt.decode(
                token,
                key.public,
                algorithms=[algorithm],
                issuer=self._issuer,
                audience=self._audience,
                leeway=self._leeway,
                options={"require": ["exp", "iss", "aud"], "enforce_minimum_key_length": True},
            )
            until = float(claims["exp"]) + self._leeway
        except jwt.PyJWTError as error:
            raise TokenRefused(_REASONS.get(type(error), "it cannot be read")) from None
        except (ValueError, TypeError, OverflowError, RecursionError):
            raise TokenRefused("it cannot be read") from None
        return self._claimed(claims), until

    def _header(self, token: str) -> tuple[str | None, str]:
        """`kid` and `alg`, which only choose among what is configured."""
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise TokenRefused("it is no JWT") from None
        algorithm, kid = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in self._algorithms:
            raise TokenRefused("its algorithm is not among `auth.algorithms`")
        if "crit" in header:
            raise TokenRefused("it has a header that must be understood (`crit`)")
        return kid, algorithm

    def _claimed(self, claims: Mapping[str, Any]) -> str:
        """The agent's id, from a claim of that name or from one inside others."""
        found: Any = claims.get(self._claim)
        if found is None:
            found = claims
            for step in self._claim.split("."):
                found = found.get(step) if isinstance(found, dict) else None
        if not isinstance(found, str) or not is_agent(found):
            raise TokenRefused("its `auth.agent_claim` is missing, or no text that could be an id")
        return found


_REASONS: Final[dict[type[jwt.PyJWTError], str]] = {
    jwt.InvalidSignatureError: "its signature is wrong",
    jwt.ExpiredSignatureError: "it has expired",
    jwt.ImmatureSignatureError: "it is not valid yet",
    jwt.InvalidIssuerError: "its issuer is another one",
    jwt.InvalidAudienceError: "it was made for another audience",
    jwt.MissingRequiredClaimError: "it lacks `exp`, `iss` or `aud`",
}
