"""An issuer of tokens: keys of every kind, JWK sets of them, tokens signed by them; and how a
Helio that trusts it is configured.
"""

import json
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from helio.config import AuthConfig
from helio.transport.admission import Rejection
from helio.transport.authentication import Authenticator

ISSUER = "https://id.example"
AUDIENCE = "helio"
METADATA = "http://127.0.0.1:3000/.well-known/oauth-protected-resource/mcp"
CURVES = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}


def private_key(kind: str, name: str = "one") -> Any:
    """A key of this kind (`RSA`, `RSA-1024`, `Ed25519`, a curve); the same for the same name."""
    return _made(kind, name)


@cache
def _made(kind: str, _name: str) -> Any:
    if kind.startswith("RSA"):
        size = int(kind.partition("-")[2] or 2048)
        return rsa.generate_private_key(public_exponent=65537, key_size=size)
    if kind == "Ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(CURVES[kind]())


def jwk(kind: str, kid: str | None, name: str = "one", **members: Any) -> dict[str, Any]:
    """The public half as a JWK; a member given as None is left out."""
    public = private_key(kind, name).public_key()
    if kind.startswith("RSA"):
        found = RSAAlgorithm.to_jwk(public, as_dict=True)
    elif kind == "Ed25519":
        found = OKPAlgorithm.to_jwk(public, as_dict=True)
    else:
        found = ECAlgorithm.to_jwk(public, as_dict=True)
    found = {"kid": kid, **found, **members}
    return {key: value for key, value in found.items() if value is not None}


def jwks(*keys: dict[str, Any]) -> bytes:
    """A JWK set."""
    return json.dumps({"keys": keys}).encode()


@dataclass
class Token:
    """A token that is right in every way until something about it is changed."""

    kind: str = "P-256"
    algorithm: str = "ES256"
    kid: str | None = "k1"
    name: str = "one"
    claims: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "desk",
            "exp": int(time.time()) + 300,
            **self.claims,
        }
        headers = dict(self.headers) if self.kid is None else {"kid": self.kid, **self.headers}
        return jwt.encode(
            {name: value for name, value in claims.items() if value is not None},
            private_key(self.kind, self.name),
            algorithm=self.algorithm,
            headers=headers,
        )


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


def now(seconds: int) -> int:
    return int(time.time()) + seconds


async def refusal(authenticator: Authenticator, *authorization: str) -> Rejection:
    with pytest.raises(Rejection) as rejected:
        await authenticator.authenticate(authorization, METADATA)
    return rejected.value


def challenge(rejection: Rejection) -> str:
    ((name, value),) = rejection.headers
    assert name == b"www-authenticate"
    return value.decode()
