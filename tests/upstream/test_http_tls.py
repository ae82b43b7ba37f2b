"""The client over TLS."""

import ssl
from pathlib import Path

import pytest

from helio.errors import UpstreamFailed
from upstream.peers import (
    HELLO,
    Connect,
    Conversation,
    Serve,
    always,
    ask,
    failure,
)


def _server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
async def test_tls(name: str, serve: Serve, connect: Connect, certificate: Path) -> None:
    peer = await serve(always(HELLO), tls=_server_tls(certificate))
    trusting = ssl.create_default_context(cafile=str(certificate))
    client = connect(f"https://{name}:{peer.port}/mcp", tls=trusting)
    for _ in range(3):
        assert await ask(client) == b"hello"
    assert peer.connections == 1


async def test_a_certificate_that_nobody_vouches_for(
    serve: Serve, connect: Connect, certificate: Path
) -> None:
    received = []

    async def handler(conversation: Conversation) -> None:
        received.append(await conversation.request())

    peer = await serve(handler, tls=_server_tls(certificate))
    with pytest.raises(UpstreamFailed) as failed:
        await connect(peer.url).send("POST", [], b"{}", timeout=5)
    assert (failed.value.reason, failed.value.sent) == ("connect_failed", False)
    assert received in ([], [None])


async def test_a_certificate_for_another_name(
    serve: Serve, connect: Connect, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = await serve(always(HELLO), tls=_server_tls(certificate))
    trusting = ssl.create_default_context(cafile=str(certificate))
    client = connect(f"https://127.0.0.2:{peer.port}/mcp", tls=trusting)
    peer_on_all = await serve(always(HELLO), tls=_server_tls(certificate), host="127.0.0.2")
    other = connect(peer_on_all.url, tls=trusting)
    for each in (client, other):
        with pytest.raises(UpstreamFailed) as failed:
            await each.send("POST", [], b"{}", timeout=5)
        assert (failed.value.reason, failed.value.sent) == ("connect_failed", False)


async def test_a_handshake_that_never_ends(
    serve: Serve, connect: Connect, certificate: Path
) -> None:
    received = []

    async def handler(conversation: Conversation) -> None:
        received.append(await conversation.reader.read(65536))
        await conversation.ended()

    peer = await serve(handler)
    trusting = ssl.create_default_context(cafile=str(certificate))
    url = f"https://127.0.0.1:{peer.port}/mcp"
    failed = await failure(ask(connect(url, tls=trusting, connect_timeout=0.1)))
    assert (failed.reason, failed.sent) == ("connect_timeout", False)
    assert b"POST" not in received[0]


async def test_a_server_that_does_not_speak_tls(
    serve: Serve, connect: Connect, certificate: Path
) -> None:
    async def handler(conversation: Conversation) -> None:
        await conversation.reader.read(100)
        await conversation.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    peer = await serve(handler)
    trusting = ssl.create_default_context(cafile=str(certificate))
    failed = await failure(ask(connect(f"https://127.0.0.1:{peer.port}/mcp", tls=trusting)))
    assert (failed.reason, failed.sent) == ("connect_failed", False)
