"""The issuer's public keys: which of a set are used, and how they are kept fresh."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from helio.transport.signing_keys import (
    FILE_SECONDS,
    KEPT_SECONDS,
    MAX_KEYS,
    RETRY_SECONDS,
    UNKNOWN_SECONDS,
    URL_SECONDS,
    KeysUnavailable,
    KeysUrl,
    SigningKeys,
    read_keys,
)
from helio.upstream import document
from transport.house import json_answer
from transport.issuer import jwk, jwks, private_key
from upstream.peers import OK, Conversation, Peer, always

GOOD = jwks(jwk("P-256", "k1"))


def kids(*found: Any) -> list[str | None]:
    return [key.kid for key in read_keys(jwks(jwk("P-256", "good"), *found))]


def test_keys_that_cannot_be_used_are_left_out() -> None:
    from jwt.algorithms import ECAlgorithm

    private = {**ECAlgorithm.to_jwk(private_key("P-256"), as_dict=True), "kid": "private"}
    assert kids(
        private,
        {"kty": "oct", "k": "c2VjcmV0", "kid": "shared"},
        jwk("P-256", "for encryption", use="enc"),
        jwk("P-256", "for signing", key_ops=["sign"]),
        jwk("P-256", "odd", key_ops="verify"),
        jwk("RSA-1024", "short"),
        jwk("P-256", "unknown curve", crv="P-1"),
        jwk("P-256", "half", y=None),
        jwk("P-256", "not on the curve", y="AAAA"),
        jwk("RSA", "other algorithm", alg="HS256"),
        jwk("RSA", "odd algorithm", alg=[1]),
        {"kid": "empty"},
        "text",
        None,
    ) == ["good"]


def test_keys_that_can() -> None:
    assert kids(
        jwk("P-256", "a", use="sig", alg="ES256", key_ops=["verify"]),
        jwk("RSA", None),
        jwk("Ed25519", "b"),
    ) == ["good", "a", None, "b"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys": {}}',
        b'{"keys": []}',
        b'{"keys": [{}]}',
        b"\xff",
        b"[" * 100_000,
        jwks(*[jwk("P-256", "k")] * (MAX_KEYS + 1)),
    ],
)
def test_what_is_no_set_of_keys(body: bytes) -> None:
    with pytest.raises(KeysUnavailable):
        read_keys(body)


def test_a_key_fits_only_what_it_was_made_for() -> None:
    by_name = {
        kind: read_keys(jwks(jwk(kind, "k")))[0] for kind in ("P-256", "P-384", "RSA", "Ed25519")
    }
    fits = {
        name: [a for a in ("ES256", "ES384", "RS256", "PS512", "EdDSA", "HS256") if key.fits(a)]
        for name, key in by_name.items()
    }
    assert fits["P-256"] == ["ES256"]
    assert fits["P-384"] == ["ES384"]
    assert fits["Ed25519"] == ["EdDSA"]
    assert fits["RSA"][:2] == ["RS256", "PS512"]
    bound = read_keys(jwks(jwk("RSA", "k", alg="PS512")))[0]
    assert [a for a in ("RS256", "PS256", "PS512") if bound.fits(a)] == ["PS512"]


# freshness


class Remote:
    """A source that says what a test wants, and counts how often it was asked."""

    seconds = URL_SECONDS
    local = False

    def __init__(self, *says: bytes | str) -> None:
        self.says = list(says)
        self.asked = 0
        self.slow = asyncio.Event()
        self.slow.set()

    async def read(self) -> bytes:
        self.asked += 1
        await self.slow.wait()
        said = self.says.pop(0) if len(self.says) > 1 else self.says[0]
        if isinstance(said, str):
            raise KeysUnavailable(said)
        return said


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def clock() -> AsyncIterator[Clock]:
    before = asyncio.all_tasks()
    yield Clock()
    assert not asyncio.all_tasks() - before - {asyncio.current_task()}


async def settled() -> None:
    """Lets a reading in the background end."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_keys_are_fetched_when_the_first_token_comes(clock: Clock) -> None:
    remote = Remote(GOOD)
    keys = SigningKeys(remote, clock)
    assert remote.asked == 0
    found = await keys.find("k1", "ES256")
    assert found is not None
    assert (found.kid, remote.asked) == ("k1", 1)


async def test_many_that_wait_make_one_request(clock: Clock) -> None:
    remote = Remote(GOOD)
    remote.slow.clear()
    keys = SigningKeys(remote, clock)
    waiting = [asyncio.create_task(keys.find("k1", "ES256")) for _ in range(50)]
    await settled()
    waiting[0].cancel()
    remote.slow.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert all(getattr(key, "kid", None) == "k1" for key in found[1:])
    assert remote.asked == 1


async def test_an_unknown_key_is_asked_for_at_most_so_often(clock: Clock) -> None:
    remote = Remote(GOOD)
    keys = SigningKeys(remote, clock)
    await keys.find("k1", "ES256")
    for number in range(100):
        assert await keys.find(f"made-up-{number}", "ES256") is None
    assert remote.asked == 1
    clock.now += UNKNOWN_SECONDS
    remote.says = [jwks(jwk("P-256", "k1"), jwk("P-256", "k2", "two"))]
    assert await keys.find("k2", "ES256") is not None
    assert await keys.find("k3", "ES256") is None
    assert remote.asked == 2


async def test_keys_are_fetched_again_from_time_to_time_while_the_old_ones_serve(
    clock: Clock,
) -> None:
    remote = Remote(GOOD, jwks(jwk("P-256", "k2")))
    keys = SigningKeys(remote, clock)
    await keys.find("k1", "ES256")
    generation = keys.generation
    clock.now += URL_SECONDS - 1
    await keys.tend()
    await settled()
    assert remote.asked == 1
    clock.now += 1
    remote.slow.clear()
    await keys.tend()
    await keys.tend()
    await settled()
    assert (remote.asked, keys.generation) == (2, generation)
    assert await keys.find("k1", "ES256") is not None
    remote.slow.set()
    await settled()
    assert keys.generation == generation + 1
    assert await keys.find("k2", "ES256") is not None


async def test_the_same_keys_again_change_nothing(clock: Clock) -> None:
    keys = SigningKeys(Remote(GOOD), clock)
    await keys.find("k1", "ES256")
    generation = keys.generation
    clock.now += URL_SECONDS
    await keys.tend()
    await settled()
    assert keys.generation == generation


async def test_keys_outlive_an_outage_but_not_any(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    remote = Remote(GOOD, "the issuer is down")
    keys = SigningKeys(remote, clock)
    await keys.find("k1", "ES256")
    began = clock.now
    while clock.now < began + KEPT_SECONDS - URL_SECONDS:
        clock.now += URL_SECONDS
        await keys.tend()
        await settled()
        assert await keys.find("k1", "ES256") is not None
    assert len(caplog.records) == 1
    clock.now = began + KEPT_SECONDS
    await keys.tend()
    await settled()
    with pytest.raises(KeysUnavailable, match="the issuer is down"):
        await keys.find("k1", "ES256")
    remote.says = [GOOD]
    clock.now += RETRY_SECONDS
    assert await keys.find("k1", "ES256") is not None


async def test_who_is_out_of_reach_is_not_asked_for_every_token(clock: Clock) -> None:
    remote = Remote("out of reach")
    keys = SigningKeys(remote, clock)
    for _ in range(20):
        with pytest.raises(KeysUnavailable):
            await keys.find("k1", "ES256")
    assert remote.asked == 1
    clock.now += RETRY_SECONDS
    with pytest.raises(KeysUnavailable):
        await keys.find("k1", "ES256")
    assert remote.asked == 2


async def test_a_token_without_a_key_id_means_the_only_key_that_fits(clock: Clock) -> None:
    both = jwks(jwk("P-256", "a"), jwk("P-256", "b", "two"), jwk("RSA", "c"))
    keys = SigningKeys(Remote(both), clock)
    assert await keys.find(None, "ES256") is None
    found = await keys.find(None, "RS256")
    assert found is not None
    assert found.kid == "c"


async def test_two_keys_of_one_name_are_none(clock: Clock) -> None:
    keys = SigningKeys(Remote(jwks(jwk("P-256", "a"), jwk("P-256", "a", "two"))), clock)
    assert await keys.find("a", "ES256") is None


async def test_a_reading_that_is_under_way_can_be_ended(clock: Clock) -> None:
    remote = Remote(GOOD)
    remote.slow.clear()
    keys = SigningKeys(remote, clock)
    await keys.tend()
    await settled()
    await keys.aclose()
    await SigningKeys(remote, clock).aclose()
    assert remote.asked == 1
    assert FILE_SECONDS < URL_SECONDS


# over HTTP


async def fetched(answer: bytes) -> bytes:
    peer = await Peer(always(answer)).start()
    try:
        return await KeysUrl(peer.url).read()
    finally:
        await peer.stop()


async def test_keys_come_by_get_without_anything_of_an_agent() -> None:
    seen = []

    async def handler(conversation: Conversation) -> None:
        seen.append(await conversation.request())
        await conversation.send(json_answer(GOOD))

    peer = await Peer(handler).start()
    assert await KeysUrl(peer.url).read() == GOOD
    await peer.stop()
    (request,) = seen
    assert request is not None
    assert (request.method, request.body) == ("GET", b"")
    assert {name for name, _ in request.headers} == {"host", "accept"}


@pytest.mark.parametrize(
    "answer",
    [
        json_answer(GOOD, "404 Not Found"),
        json_answer(GOOD, "500 Internal Server Error"),
        json_answer(b"x" * (document.MAX_BYTES + 1)),
        OK + b"content-length: 100\r\nconnection: close\r\n\r\nshort",
        b"not HTTP\r\n\r\n",
    ],
)
async def test_any_other_answer_is_no_set_of_keys(answer: bytes) -> None:
    with pytest.raises(KeysUnavailable):
        peer = await Peer(closing(answer)).start()
        try:
            await KeysUrl(peer.url).read()
        finally:
            await peer.stop()


def closing(answer: bytes) -> Any:
    async def handler(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(answer)

    return handler


async def test_nobody_is_followed_elsewhere() -> None:
    elsewhere = await Peer(always(json_answer(GOOD))).start()
    redirect = json_answer(GOOD, "302 Found", f"location: {elsewhere.url}\r\n")
    with pytest.raises(KeysUnavailable, match="HTTP 302"):
        await fetched(redirect)
    assert elsewhere.connections == 0
    await elsewhere.stop()


async def test_a_source_that_only_trickles_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "SECONDS", 0.3)

    async def trickle(conversation: Conversation) -> None:
        await conversation.request()
        await conversation.send(OK + b"content-length: 100000\r\n\r\n")
        while True:
            await conversation.send(b" ")
            await asyncio.sleep(0.01)

    peer = await Peer(trickle).start()
    with pytest.raises(KeysUnavailable, match=r"within 0\.3 s"):
        await KeysUrl(peer.url).read()
    await peer.stop()


async def test_a_source_that_is_not_there() -> None:
    peer = await Peer(always(b"")).start()
    url = peer.url
    await peer.stop()
    with pytest.raises(KeysUnavailable, match="connect_failed"):
        await KeysUrl(url).read()
