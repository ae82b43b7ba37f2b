"""The public keys that agents' tokens are signed with: read from a file or a URL, kept fresh.

Above: `helio.transport.signed_tokens`. Below: `helio.upstream.document`, PyJWT. What cannot be used
in a set is left out; keys that could sign as well as verify are never used.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import AllowedPublicKeys

from helio.errors import HelioError, UpstreamFailed
from helio.upstream.document import MAX_BYTES, fetch

logger = logging.getLogger(__name__)

UNKNOWN_SECONDS: Final = 30.0
"""How often at most keys are read again because a token names one that is not known."""
RETRY_SECONDS: Final = 5.0
"""How long after a failed reading the next one may begin."""
KEPT_SECONDS: Final = 3600.0
"""How long keys serve that could not be read again: after that, nobody is known any more."""
URL_SECONDS: Final = 600.0
FILE_SECONDS: Final = 1.0
"""How often the source is looked at while all is well."""
MAX_KEYS: Final = 64
LEAST_RSA_BITS: Final = 2048

_ELLIPTIC: Final = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}


class KeysUnavailable(HelioError):
    """There are no keys, or none that are recent enough. The text says why."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One public key of a set. `algorithm` is None when the set does not bind it to one."""

    kid: str | None
    kind: str
    curve: str | None
    algorithm: str | None
    public: AllowedPublicKeys

    def fits(self, algorithm: str) -> bool:
        """Whether a token that says `algorithm` may be verified by this key."""
        if self.algorithm is not None and self.algorithm != algorithm:
            return False
        if algorithm.startswith("ES"):
            return self.kind == "EC" and self.curve == _ELLIPTIC.get(algorithm)
        return self.kind == ("OKP" if algorithm == "EdDSA" else "RSA")


def read_keys(body: bytes) -> tuple[SigningKey, ...]:
    """The keys of a JWK set (RFC 7517) that can verify. Raises `KeysUnavailable` without any."""
    try:
        found = json.loads(body)["keys"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise KeysUnavailable('this is not a JWK set (`{"keys": […]}`)') from None
    if not isinstance(found, list) or len(found) > MAX_KEYS:
        raise KeysUnavailable(f"`keys` is not a list of at most {MAX_KEYS} keys")
    keys = tuple(key for each in found if (key := _read_key(each)) is not None)
    if not keys:
        raise KeysUnavailable("the set holds no key that tokens could be verified by")
    return keys


def _read_key(found: Any) -> SigningKey | None:
    """A key, None when it is for something else, private, weak or unreadable."""
    if not isinstance(found, dict) or found.get("kty") not in ("RSA", "EC", "OKP"):
        return None
    for_signatures = found.get("use", "sig") == "sig"
    operations = found.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    if not for_signatures or "d" in found:
        return None
    kid, algorithm = found.get("kid"), found.get("alg")
    try:
        public = jwt.PyJWK(found).key
    except (jwt.PyJWTError, UnsupportedAlgorithm, ValueError, TypeError):
        return None
    if isinstance(public, RSAPublicKey) and public.key_size < LEAST_RSA_BITS:
        return None
    named = kid if isinstance(kid, str) else None
    return SigningKey(named, found["kty"], found.get("crv"), algorithm, public)


class Source(Protocol):
    """Where keys come from. `seconds`: how often to look; `local`: looking takes no time."""

    seconds: float
    local: bool

    async def read(self) -> bytes:
        """The set as it is now. Raises `KeysUnavailable`."""


class KeysFile:
    """A JWK set in a file."""

    seconds = FILE_SECONDS
    local = True

    def __init__(self, path: Path) -> None:
        self._path = path

    async def read(self) -> bytes:
        """See `Source`."""
        return await asyncio.to_thread(self._read)

    def _read(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                body = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise KeysUnavailable(f"{self._path}: {error.strerror or error}") from None
        if len(body) > MAX_BYTES:
            raise KeysUnavailable(f"{self._path} has more than {MAX_BYTES} bytes")
        return body


class KeysUrl:
    """A JWK set behind a URL."""

    seconds = URL_SECONDS
    local = False

    def __init__(self, url: str) -> None:
        self._url = url

    async def read(self) -> bytes:
        """See `Source`."""
        try:
            status, body = await fetch(self._url)
        except (UpstreamFailed, ValueError) as error:
            raise KeysUnavailable(f"the keys could not be fetched: {error}") from None
        if status != 200:
            raise KeysUnavailable(f"the keys could not be fetched: HTTP {status}")
        return body


class SigningKeys:
    """The keys of one issuer. `generation` changes whenever they do; `clock` gives seconds."""

    def __init__(self, source: Source, clock: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._clock = clock
        self._body = b""
        self._keys: tuple[SigningKey, ...] = ()
        self._fresh_until = 0.0
        self._look_at = 0.0
        self._tried_at = float("-inf")
        self._failure: str | None = "they were not read yet"
        self._reading: asyncio.Task[None] | None = None
        self.generation = 0

    @property
    def local(self) -> bool:
        """Whether the keys are at hand whenever they are asked for."""
        return self._source.local

    @property
    def failure(self) -> str | None:
        """Why the last reading failed; None when it did not."""
        return self._failure

    async def tend(self) -> None:
        """Looks at the source when it is time to, and forgets keys that are too old.

        Waits for a file. A URL is read in the background: meanwhile the keys that are known serve.
        """
        now = self._clock()
        if now < self._look_at:
            return
        if self._keys and now >= self._fresh_until:
            self._body = b""
            self._take(())
        reading = self._read()
        if self._source.local:
            await asyncio.shield(reading)

    async def find(self, kid: str | None, algorithm: str) -> SigningKey | None:
        """The only key that a token with this header can mean; None when there is none.

        A token without a `kid` means the only key that fits. Raises `KeysUnavailable`.
        """
        if not self._keys and self._may_read_again(RETRY_SECONDS):
            await asyncio.shield(self._read())
        found = self._find(kid, algorithm)
        if found is None and self._may_read_again(UNKNOWN_SECONDS):
            await asyncio.shield(self._read())
            found = self._find(kid, algorithm)
        if not self._keys:
            raise KeysUnavailable(self._failure or "there are no keys")
        return found

    async def aclose(self) -> None:
        """Ends a reading that is under way."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])

    def _find(self, kid: str | None, algorithm: str) -> SigningKey | None:
        fitting = [
            key for key in self._keys if (kid is None or key.kid == kid) and key.fits(algorithm)
        ]
        return fitting[0] if len(fitting) == 1 else None

    def _may_read_again(self, seconds: float) -> bool:
        return self._reading is not None or self._clock() - self._tried_at >= seconds

    def _read(self) -> asyncio.Task[None]:
        """The reading that is under way, or a new one: never two at once."""
        if self._reading is None:
            self._tried_at = self._clock()
            # Nobody looks again before this reading is over.
            self._look_at = float("inf")
            self._reading = asyncio.create_task(self._read_once())
        return self._reading

    async def _read_once(self) -> None:
        wait = RETRY_SECONDS
        try:
            body = await self._source.read()
            if body != self._body:
                self._take(read_keys(body))
                self._body = body
            wait = self._source.seconds
            self._fresh_until = self._clock() + KEPT_SECONDS
            self._failure = None
        except KeysUnavailable as error:
            if str(error) != self._failure:
                logger.warning("signing keys: %s", error)
            self._failure = str(error)
        finally:
            self._look_at = self._clock() + wait
            self._reading = None

    def _take(self, keys: tuple[SigningKey, ...]) -> None:
        self._keys = keys
        self.generation += 1
