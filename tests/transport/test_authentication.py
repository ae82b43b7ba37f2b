"""Who an agent is, by its Authorization header: tokens of one's own, and what is remembered of
those that an issuer signed.
"""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest

from helio.config import AuthConfig
from helio.errors import StartFailed
from helio.transport.authentication import Authenticator
from transport.issuer import (
    METADATA,
    Token,
    challenge,
    configured,
    jwk,
    jwks,
    now,
    refusal,
)

DESK, TILL = "desk-token-0123456789", "till-token-0123456789"


def bearer() -> Authenticator:
    tokens = (
        {"token": DESK, "agent": "desk"},
        {"token": TILL, "agent": "till"},
        {"token": DESK[::-1], "agent": "desk"},
    )
    return Authenticator(AuthConfig.model_validate({"mode": "bearer", "tokens": tokens}))


# bearer tokens


async def test_without_a_mode_nobody_asks() -> None:
    nobody = Authenticator(AuthConfig())
    assert await nobody.authenticate([]) is None
    assert await nobody.authenticate(["Bearer whatever"]) is None


@pytest.mark.parametrize(
    ("header", "agent"),
    [
        (f"Bearer {DESK}", "desk"),
        (f"bearer {TILL}", "till"),
        (f"BEARER   {DESK[::-1]} ", "desk"),
    ],
)
async def test_a_token_stands_for_its_agent(header: str, agent: str) -> None:
    assert await bearer().authenticate([header]) == agent


@pytest.mark.parametrize(
    "headers", [[], [""], ["Basic ZGVzazp4"], [DESK], [f"Token {DESK}"], [f"Bearer\t{DESK}"]]
)
async def test_without_a_token_the_challenge_names_no_error(headers: list[str]) -> None:
    rejection = await refusal(bearer(), *headers)
    assert (rejection.status, rejection.reason) == (401, "unauthenticated")
    assert challenge(rejection) == f'Bearer realm="helio", resource_metadata="{METADATA}"'


@pytest.mark.parametrize(
    "token", ["", "x", DESK[:-1], f"{DESK}x", DESK.upper(), f"{DESK} {DESK}", "\udcff", "ä", "desk"]
)
async def test_any_other_token_is_refused_and_not_repeated(
    token: str, caplog: pytest.LogCaptureFixture
) -> None:
    rejection = await refusal(bearer(), f"Bearer {token}")
    assert (rejection.status, rejection.reason) == (401, "invalid_token")
    assert 'error="invalid_token"' in challenge(rejection)
    if len(token) > 4:
        told = f"{rejection.whole().body!r} {challenge(rejection)} {caplog.text}"
        assert token not in told


async def test_two_headers_are_none() -> None:
    rejection = await refusal(bearer(), f"Bearer {DESK}", f"Bearer {TILL}")
    assert (rejection.status, rejection.reason) == (400, "invalid_authorization")
    assert 'error="invalid_request"' in challenge(rejection)


async def test_a_flood_of_wrong_tokens_is_one_line_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    authenticator = bearer()
    with caplog.at_level(logging.INFO):
        for number in range(50):
            await refusal(authenticator, f"Bearer {number}")
    assert len(caplog.records) == 1


# what is remembered


class Times:
    """Both clocks of an authenticator."""

    def __init__(self) -> None:
        self.wall = time.time()
        self.monotonic = 0.0

    def pass_(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds

    def authenticator(self, config: AuthConfig) -> Authenticator:
        return Authenticator(config, now=lambda: self.wall, clock=lambda: self.monotonic)


def counted(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How often a signature was verified."""
    seen: list[object] = []
    decode = jwt.decode

    def decoding(*arguments: Any, **options: Any) -> Any:
        seen.append(None)
        return decode(*arguments, **options)

    monkeypatch.setattr(jwt, "decode", decoding)
    return lambda: len(seen)


async def test_a_token_is_verified_once_while_it_lives(
    keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified = counted(monkeypatch)
    times = Times()
    authenticator = times.authenticator(configured(keys))
    header = f"Bearer {Token()}"
    for _ in range(5):
        assert await authenticator.authenticate([header]) == "desk"
        times.pass_(30)
    assert verified() == 1
    # 300 s of life and 60 s of leeway.
    times.pass_(359 - 150)
    assert await authenticator.authenticate([header]) == "desk"
    assert verified() == 1
    times.pass_(2)
    await authenticator.authenticate([header])
    assert verified() == 2


async def test_a_key_that_is_taken_out_of_the_file_counts_no_longer(keys: Path) -> None:
    times = Times()
    authenticator = times.authenticator(configured(keys))
    old, new = f"Bearer {Token()}", f"Bearer {Token(kid='k9', name='two')}"
    assert await authenticator.authenticate([old]) == "desk"
    assert (await refusal(authenticator, new)).status == 401
    keys.write_bytes(jwks(jwk("P-256", "k9", "two")))
    times.pass_(2)
    assert await authenticator.authenticate([new]) == "desk"
    assert (await refusal(authenticator, old)).status == 401


async def test_what_is_remembered_is_bounded(keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helio.transport.signed_tokens.REMEMBERED", 2)
    verified = counted(monkeypatch)
    authenticator = Authenticator(configured(keys))
    first, second, third = (f"Bearer {Token(claims={'jti': str(n)})}" for n in range(3))
    for header in (first, second, first, third, first):
        await authenticator.authenticate([header])
    assert verified() == 3
    await authenticator.authenticate([second])
    assert verified() == 4


async def test_a_known_token_costs_microseconds(keys: Path) -> None:
    authenticator = Authenticator(configured(keys))
    headers = [f"Bearer {Token('RSA', 'RS256', 'k4')}"]
    await authenticator.authenticate(headers)
    best = float("inf")
    for _ in range(20):
        started = time.perf_counter()
        for _ in range(100):
            await authenticator.authenticate(headers, METADATA)
        best = min(best, (time.perf_counter() - started) / 100)
    # A verified signature costs 30 µs and more; this is a digest and a look into a table.
    assert best < 20e-6, best


# the file of keys


async def test_a_start_needs_keys_in_the_file(tmp_path: Path) -> None:
    missing = tmp_path / "keys.json"
    with pytest.raises(StartFailed, match="No such file"):
        await Authenticator(configured(missing)).start()
    missing.write_text("{}")
    with pytest.raises(StartFailed, match="JWK set"):
        await Authenticator(configured(missing)).start()
    missing.write_bytes(jwks(jwk("P-256", "k1")))
    await Authenticator(configured(missing)).start()
    await bearer().start()


async def test_without_keys_nobody_gets_in_and_is_told_to_try_again(tmp_path: Path) -> None:
    times = Times()
    path = tmp_path / "keys.json"
    authenticator = times.authenticator(configured(path))
    rejection = await refusal(authenticator, f"Bearer {Token()}")
    assert (rejection.status, rejection.reason) == (503, "authentication_unavailable")
    assert dict(rejection.headers)[b"retry-after"] == b"5"
    path.write_bytes(jwks(jwk("P-256", "k1")))
    times.pass_(6)
    assert await authenticator.authenticate([f"Bearer {Token()}"]) == "desk"


async def test_a_broken_file_leaves_the_keys_as_they_were_but_not_for_ever(keys: Path) -> None:
    times = Times()
    authenticator = times.authenticator(configured(keys))
    header = f"Bearer {Token(claims={'exp': now(10_000)})}"
    assert await authenticator.authenticate([header]) == "desk"
    whole = keys.read_bytes()
    keys.write_bytes(whole[: len(whole) // 2])
    for _ in range(9):
        times.pass_(390)
        assert await authenticator.authenticate([header]) == "desk"
    times.pass_(120)
    assert (await refusal(authenticator, header)).status == 503
    keys.write_bytes(whole)
    times.pass_(6)
    assert await authenticator.authenticate([header]) == "desk"
