"""What agents are told about who gives out tokens."""

import asyncio
import json
from typing import Any

import pytest

from helio.errors import UpstreamFailed
from helio.protocol.challenges import parameter
from helio.transport.inbound import Whole
from helio.transport.oauth import (
    KEPT_SECONDS,
    RETRY_SECONDS,
    WELL_KNOWN,
    Issuer,
    Protected,
    ResourceMetadata,
)

HOST = "127.0.0.1:3000"
UPSTREAM = "https://tools.example/team/mcp"
INSERTED = "https://tools.example" + WELL_KNOWN + "/team/mcp"
ROOT = "https://tools.example" + WELL_KNOWN
THEIRS = {
    "resource": UPSTREAM,
    "authorization_servers": ["https://id.example"],
    "scopes_supported": ["tools:read", "wörk"],
    "x-vendor": {"a": [1, 2.5, None, 123456789012345678901234567890]},
}


class Upstream:
    """What an upstream's origin answers by URL; everything else is 404."""

    def __init__(self, **places: Any) -> None:
        self.places: dict[str, Any] = {}
        self.asked: list[str] = []
        self.now = 0.0

    def gives(self, url: str, what: Any) -> "Upstream":
        self.places[url] = what
        return self

    async def fetch(self, url: str) -> tuple[int, bytes]:
        self.asked.append(url)
        await asyncio.sleep(0)
        found = self.places.get(url, 404)
        if isinstance(found, Exception):
            raise found
        if isinstance(found, int):
            return found, b""
        return 200, found if isinstance(found, bytes) else json.dumps(found).encode()

    def metadata(self, public_url: str | None = None, path: str = "/mcp") -> ResourceMetadata:
        return ResourceMetadata(
            {path: Protected(UPSTREAM)}, public_url, fetch=self.fetch, clock=lambda: self.now
        )


def told(answer: Whole) -> Any:
    assert answer.status == 200
    assert dict(answer.headers)[b"content-type"] == b"application/json"
    return json.loads(answer.body)


# Helio is the resource


async def test_with_tokens_of_its_own_helio_names_their_issuer() -> None:
    metadata = ResourceMetadata({"/mcp": Issuer("https://id.example")}, None)
    assert told(await metadata.metadata("/mcp", HOST)) == {
        "resource": "http://127.0.0.1:3000/mcp",
        "authorization_servers": ["https://id.example"],
        "bearer_methods_supported": ["header"],
    }
    assert metadata.url("/mcp", HOST) == f"http://127.0.0.1:3000{WELL_KNOWN}/mcp"
    assert metadata.paths == [WELL_KNOWN, f"{WELL_KNOWN}/mcp"]


@pytest.mark.parametrize("public", ["https://helio.example", "https://helio.example/tools/"])
async def test_the_public_url_is_what_clients_dialled(public: str) -> None:
    metadata = ResourceMetadata({"/mcp/pay": Issuer("https://id.example")}, public)
    base = public.rstrip("/")
    assert told(await metadata.metadata("/mcp/pay", "evil"))["resource"] == f"{base}/mcp/pay"
    assert metadata.url("/mcp/pay", "evil") == f"{base}{WELL_KNOWN}/mcp/pay"
    assert metadata.paths == [f"{WELL_KNOWN}/mcp/pay"]


async def test_the_root_tells_of_the_path_that_is_served_without_a_name() -> None:
    metadata = ResourceMetadata({"/mcp": Issuer("https://id.example")}, None)
    assert told(await metadata.metadata("", HOST))["resource"] == "http://127.0.0.1:3000/mcp"
    named = ResourceMetadata({"/mcp/pay": Issuer("https://id.example")}, None)
    assert (await named.metadata("", HOST)).status == 404


async def test_an_issuer_that_is_no_url_gives_out_no_tokens() -> None:
    metadata = ResourceMetadata({"/mcp": Issuer("our-build-server")}, None)
    assert "authorization_servers" not in told(await metadata.metadata("/mcp", HOST))


async def test_where_no_token_helps_there_are_no_metadata() -> None:
    metadata = ResourceMetadata({"/mcp": None}, None)
    assert (await metadata.metadata("/mcp", HOST)).status == 404
    assert (await metadata.metadata("/mcp/other", HOST)).status == 404
    assert metadata.url("/mcp", HOST) is None
    assert metadata.relayed_challenge(b"Bearer", "/mcp", HOST) is None


# an upstream is the resource


async def test_an_upstreams_metadata_come_with_helios_own_url_and_nothing_else_changed() -> None:
    upstream = Upstream().gives(INSERTED, THEIRS)
    assert told(await upstream.metadata().metadata("/mcp", HOST)) == {
        **THEIRS,
        "resource": "http://127.0.0.1:3000/mcp",
    }
    assert upstream.asked == [INSERTED]


async def test_they_may_be_at_the_root() -> None:
    upstream = Upstream().gives(ROOT, THEIRS)
    assert told(await upstream.metadata().metadata("/mcp", HOST))["scopes_supported"]
    assert upstream.asked == [INSERTED, ROOT]


async def test_what_the_upstream_signed_would_not_be_true_any_more() -> None:
    upstream = Upstream().gives(ROOT, {**THEIRS, "signed_metadata": "a.b.c"})
    assert "signed_metadata" not in told(await upstream.metadata().metadata("/mcp", HOST))


async def test_they_are_asked_for_rarely_and_once_by_many() -> None:
    upstream = Upstream().gives(INSERTED, THEIRS)
    metadata = upstream.metadata()
    answers = await asyncio.gather(*(metadata.metadata("/mcp", HOST) for _ in range(20)))
    assert {answer.status for answer in answers} == {200}
    upstream.now = KEPT_SECONDS - 1
    await metadata.metadata("/mcp", HOST)
    assert upstream.asked == [INSERTED]
    upstream.now = KEPT_SECONDS
    upstream.gives(INSERTED, {**THEIRS, "scopes_supported": []})
    assert told(await metadata.metadata("/mcp", HOST))["scopes_supported"] == []
    assert upstream.asked == [INSERTED] * 2


@pytest.mark.parametrize(
    ("what", "status"),
    [
        (404, 404),
        (401, 404),
        (302, 404),
        (500, 502),
        (b"<html>", 502),
        (b"[]", 502),
        (b'{"authorization_servers": []}', 502),
        (b"[" * 100_000, 502),
        (UpstreamFailed("connect_failed", sent=False, detail="nobody there"), 502),
    ],
)
async def test_an_upstream_that_does_not_say(what: Any, status: int) -> None:
    upstream = Upstream().gives(INSERTED, what)
    metadata = upstream.metadata()
    for _ in range(3):
        assert (await metadata.metadata("/mcp", HOST)).status == status
    assert upstream.asked.count(INSERTED) == 1
    upstream.gives(INSERTED, THEIRS)
    upstream.now = RETRY_SECONDS
    assert (await metadata.metadata("/mcp", HOST)).status == 200


# its challenges


def test_a_challenge_leads_to_helios_metadata() -> None:
    given = f'Bearer error="invalid_token", resource_metadata="{INSERTED}", scope="a b"'.encode()
    expected = (
        f'Bearer error="invalid_token", resource_metadata="http://{HOST}{WELL_KNOWN}/mcp", '
        'scope="a b"'
    )
    assert Upstream().metadata().relayed_challenge(given, "/mcp", HOST) == expected.encode()


@pytest.mark.parametrize("given", [b"Bearer", b'Basic realm="x"', b'Bearer scope="a"'])
def test_a_challenge_without_metadata_stays_as_it_is(given: bytes) -> None:
    assert Upstream().metadata().relayed_challenge(given, "/mcp", HOST) == given


async def test_metadata_are_taken_from_where_the_challenge_says() -> None:
    odd = "https://tools.example/meta/of/tools"
    upstream = Upstream().gives(odd, THEIRS)
    metadata = upstream.metadata()
    assert (await metadata.metadata("/mcp", HOST)).status == 404
    metadata.relayed_challenge(f'Bearer resource_metadata="{odd}"'.encode(), "/mcp", HOST)
    assert (await metadata.metadata("/mcp", HOST)).status == 200
    assert upstream.asked[-1] == odd


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/meta",
        "http://tools.example/meta",
        "https://tools.example:8443/meta",
        "https://tools.example@evil.example/meta",
        "https://tools.example.evil.example/meta",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "//evil.example/meta",
        "/meta",
        "",
        "https://[",
    ],
)
async def test_a_challenge_leads_helio_nowhere_else(elsewhere: str) -> None:
    upstream = Upstream()
    metadata = upstream.metadata()
    challenge = f'Bearer resource_metadata="{elsewhere}"'.encode()
    relayed = metadata.relayed_challenge(challenge, "/mcp", HOST)
    assert relayed is not None
    assert parameter(relayed, b"resource_metadata") == f"http://{HOST}{WELL_KNOWN}/mcp".encode()
    await metadata.metadata("/mcp", HOST)
    assert upstream.asked == [INSERTED, ROOT]
