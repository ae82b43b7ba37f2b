"""Who an agent is, by its Authorization header."""

import asyncio
import base64
import hmac
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helio.config import AuthConfig
from helio.errors import StartFailed
from helio.transport.admission import Rejection
from helio.transport.authentication import Authenticator
from helio.transport.signed_tokens import MAX_TOKEN
from transport.issuer import AUDIENCE, ISSUER, Token, jwk, jwks, private_key

DESK, TILL = "desk-token-0123456789", "till-token-0123456789"
METADATA = "http://127.0.0.1:3000/.well-known/oauth-protected-resource/mcp"


def bearer() -> Authenticator:
    tokens = (
        {"token": DESK, "agent": "desk"},
        {"token": TILL, "agent": "till"},
        {"token": DESK[::-1], "agent": "desk"},
    )
    return Authenticator(AuthConfig.model_validate({"mode": "bearer", "tokens": tokens}))


def configured(path: Path, **settings: Any) -> AuthConfig:
    return AuthConfig.model_validate(
        {
            "mode": "jwt",
            "jwks_file": str(path),
            "issuer": ISSUER,
            "audience": AUDIENCE,
            **settings,
        }
    )


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """The issuer's keys as a file: one of every kind."""
    path = tmp_path / "keys.json"
    every = (
        jwk("P-256", "k1"),
        jwk("P-384", "k2"),
        jwk("P-521", "k3"),
        jwk("RSA", "k4"),
        jwk("Ed25519", "k5"),
    )
    path.write_bytes(jwks(*every))
    return path


async def refusal(authenticator: Authenticator, *authorization: str) -> Rejection:
    with pytest.raises(Rejection) as rejected:
        await authenticator.authenticate(authorization, METADATA)
    return rejected.value


def challenge(rejection: Rejection) -> str:
    ((name, value),) = rejection.headers
    assert name == b"www-authenticate"
    return value.decode()


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


# signed tokens: what counts


@pytest.mark.parametrize(
    ("kind", "algorithm", "kid"),
    [
        ("P-256", "ES256", "k1"),
        ("P-384", "ES384", "k2"),
        ("P-521", "ES512", "k3"),
        *[("RSA", f"{family}{bits}", "k4") for family in ("RS", "PS") for bits in (256, 384, 512)],
        ("Ed25519", "EdDSA", "k5"),
    ],
)
async def test_every_algorithm(keys: Path, kind: str, algorithm: str, kid: str | None) -> None:
    authenticator = Authenticator(configured(keys))
    for token in (Token(kind, algorithm, kid), Token(kind, algorithm, None)):
        assert await authenticator.authenticate([f"Bearer {token}"]) == "desk"


async def test_the_audience_may_be_one_of_several(keys: Path) -> None:
    token = Token(claims={"aud": ["other", AUDIENCE]})
    assert await Authenticator(configured(keys)).authenticate([f"Bearer {token}"]) == "desk"


@pytest.mark.parametrize(
    ("claim", "claims"),
    [
        ("agent", {"agent": "desk"}),
        ("realm.agent", {"realm": {"agent": "desk"}}),
        ("https://helio.example/agent", {"https://helio.example/agent": "desk"}),
        ("a.b", {"a.b": "desk", "a": {"b": "other"}}),
    ],
)
async def test_the_claim_that_is_the_agent(keys: Path, claim: str, claims: Any) -> None:
    authenticator = Authenticator(configured(keys, agent_claim=claim))
    token = Token(claims={"sub": "a-person", **claims})
    assert await authenticator.authenticate([f"Bearer {token}"]) == "desk"


@pytest.mark.parametrize("late", [{"exp": -30}, {"nbf": 30}, {"iat": 30}])
async def test_clocks_may_differ_a_little(keys: Path, late: dict[str, int]) -> None:
    claims = {name: int(time.time()) + seconds for name, seconds in late.items()}
    header = f"Bearer {Token(claims=claims)}"
    assert await Authenticator(configured(keys)).authenticate([header]) == "desk"
    strict = Authenticator(configured(keys, leeway="0s"))
    assert (await refusal(strict, header)).reason == "invalid_token"


# signed tokens: what does not


def now(seconds: int) -> int:
    return int(time.time()) + seconds


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": now(-3600)},
        {"exp": None},
        {"exp": "soon"},
        {"exp": 1e400},
        {"exp": [1]},
        {"exp": True},
        {"nbf": now(3600)},
        {"nbf": "x"},
        {"iat": now(3600)},
        {"iss": "https://id.example/"},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "other"},
        {"aud": ["other"]},
        {"aud": []},
        {"aud": None},
        {"aud": {"helio": 1}},
        {"aud": "HELIO"},
        {"sub": None},
        {"sub": ""},
        {"sub": "  "},
        {"sub": "a" * 257},
        {"sub": "a\nb"},
        {"sub": "a\u202eb"},
    ],
)
async def test_claims_that_do_not_count(keys: Path, claims: dict[str, Any]) -> None:
    rejection = await refusal(Authenticator(configured(keys)), f"Bearer {Token(claims=claims)}")
    assert (rejection.status, rejection.reason) == (401, "invalid_token")


@pytest.mark.parametrize("agent", [7, True, None, {"a": "b"}, ["desk"], "", {"agent": 5}])
async def test_an_agent_is_a_text(keys: Path, agent: Any) -> None:
    authenticator = Authenticator(configured(keys, agent_claim="realm.agent"))
    for claims in ({"realm": {"agent": agent}}, {"realm": agent}):
        rejection = await refusal(authenticator, f"Bearer {Token(claims=claims)}")
        assert rejection.reason == "invalid_token"


def unsigned(header: dict[str, Any], signature: bytes = b"") -> str:
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "desk", "exp": now(300)}
    parts = [json.dumps(part).encode() for part in (header, claims)]
    return ".".join(encoded(part) for part in (*parts, signature))


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def with_shared_secret(secret: bytes, kid: str) -> str:
    """A token that takes the public key for a secret that both sides share (RFC 8725, 2.1)."""
    head = unsigned({"alg": "HS256", "typ": "JWT", "kid": kid}).rpartition(".")[0]
    return f"{head}.{encoded(hmac.digest(secret, head.encode(), 'sha256'))}"


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", "HS256", "ES256K"])
async def test_tokens_that_nobody_signed(keys: Path, algorithm: str) -> None:
    authenticator = Authenticator(configured(keys))
    token = unsigned({"alg": algorithm, "kid": "k1"})
    assert (await refusal(authenticator, f"Bearer {token}")).reason == "invalid_token"


async def test_a_public_key_is_no_shared_secret(keys: Path) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = private_key("RSA").public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    authenticator = Authenticator(configured(keys))
    for secret in (pem, pem.strip(), keys.read_bytes(), b""):
        token = with_shared_secret(secret, "k4")
        assert (await refusal(authenticator, f"Bearer {token}")).reason == "invalid_token"


@pytest.mark.parametrize(
    "token",
    [
        Token(name="two"),
        Token(kid="unknown"),
        Token(kid="k4"),
        Token(kid="k2"),
        Token("RSA", "RS256", "k1"),
        Token("P-256", "ES256", "k5"),
        Token(headers={"crit": ["exp"]}),
        Token(headers={"crit": ["b64"], "b64": False}),
        Token(headers={"jwk": {"kty": "oct", "k": "AA"}, "kid": "unknown"}, kid=None),
    ],
    ids=repr,
)
async def test_keys_that_do_not_fit(keys: Path, token: Token) -> None:
    rejection = await refusal(Authenticator(configured(keys)), f"Bearer {token}")
    assert rejection.reason == "invalid_token"


async def test_algorithms_that_are_not_configured(keys: Path) -> None:
    authenticator = Authenticator(configured(keys, algorithms=("ES256",)))
    assert await authenticator.authenticate([f"Bearer {Token()}"]) == "desk"
    rejection = await refusal(authenticator, f"Bearer {Token('RSA', 'RS256', 'k4')}")
    assert rejection.reason == "invalid_token"


async def test_every_changed_character_of_a_signature_counts(keys: Path) -> None:
    authenticator = Authenticator(configured(keys))
    token = str(Token())
    head, _, signature = token.rpartition(".")
    assert await authenticator.authenticate([f"Bearer {token}"]) == "desk"
    # The last character holds two bits that no byte takes.
    for place in range(len(signature) - 1):
        other = "A" if signature[place] != "A" else "B"
        changed = f"{head}.{signature[:place]}{other}{signature[place + 1 :]}"
        assert (await refusal(authenticator, f"Bearer {changed}")).reason == "invalid_token"


@given(
    st.one_of(
        st.text(max_size=200),
        st.tuples(st.binary(max_size=60), st.binary(max_size=60)).map(
            lambda parts: f"{encoded(parts[0])}.{encoded(parts[1])}.AAAA"
        ),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
        ).map(lambda header: f"{encoded(json.dumps(header).encode())}.e30.AAAA"),
    )
)
def test_nothing_that_is_sent_breaks_anything(token: str) -> None:
    path = Path("no-file")
    authenticator = Authenticator(configured(path))

    async def attempt() -> int:
        return (await refusal(authenticator, f"Bearer {token}")).status

    assert asyncio.run(attempt()) in (401, 503)


async def test_a_token_is_refused_by_its_length_alone(keys: Path) -> None:
    token = Token(claims={"filling": "x" * MAX_TOKEN})
    rejection = await refusal(Authenticator(configured(keys)), f"Bearer {token}")
    assert rejection.reason == "invalid_token"


async def test_nothing_of_a_token_is_told(keys: Path, caplog: pytest.LogCaptureFixture) -> None:
    authenticator = Authenticator(configured(keys))
    secret = "a-claim-that-nobody-should-read"
    for changed in ({"iss": secret}, {"aud": secret}, {"sub": f"{secret}\n"}, {"exp": secret}):
        token = str(Token(claims=changed))
        with caplog.at_level(logging.DEBUG):
            rejection = await refusal(authenticator, f"Bearer {token}")
        told = f"{rejection.whole().body!r} {challenge(rejection)} {caplog.text}"
        assert secret not in told
        assert not any(part in told for part in token.split("."))


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
