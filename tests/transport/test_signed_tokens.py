"""Which tokens that an issuer signed say who an agent is, and which do not."""

import asyncio
import base64
import hmac
import json
import logging
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helio.transport.authentication import Authenticator
from helio.transport.signed_tokens import MAX_TOKEN
from transport.issuer import (
    AUDIENCE,
    ISSUER,
    Token,
    challenge,
    configured,
    now,
    private_key,
    refusal,
)


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


# what does not count


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
