"""The webhook channel against a real receiver."""

import asyncio
import hashlib
import hmac
import json
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from approvals.channels.asked import ASKED_AT, approved, asked
from certificates import self_signed
from helio.approvals.channels import dialling
from helio.approvals.channels.attempts import Attempts
from helio.approvals.channels.webhook import WebhookChannel
from helio.errors import NotificationFailed
from receiver import Received, Receiver

SECRET = "a-secret-that-receivers-know"


@asynccontextmanager
async def webhook(url: str, **options: Any) -> AsyncIterator[WebhookChannel]:
    async def no_pause(_seconds: float) -> None: ...

    channel = WebhookChannel(
        "people", url, SECRET, attempts=Attempts(no_pause), now=lambda: ASKED_AT, **options
    )
    yield channel
    await channel.aclose()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as running:
        yield running


def is_signed(request: Received) -> bool:
    timestamp = request.headers["x-helio-timestamp"]
    signed = timestamp.encode() + b"." + request.body
    digest = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    return request.headers["x-helio-signature"] == f"sha256={digest}"


async def test_asks_with_the_ticket_as_operators_see_it(receiver: Receiver) -> None:
    async with webhook(receiver.url) as channel:
        receipt = await channel.notify(asked(), "requested")
    (request,) = receiver.received
    assert request.path == "/hooks/approvals"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-helio-event-id"] == "tkt_1.approval_requested"
    assert request.headers["x-helio-timestamp"] == "1795408200"
    assert is_signed(request)
    assert request.event == "approval_requested"
    assert request.ticket["id"] == "tkt_1"
    assert request.ticket["status"] == "pending"
    # Digits as the agent sent them.
    assert b'"tool_input":{"amount":1500.10,"to":"acme"}' in request.body
    assert receipt == {
        "requested": {"status": 204, "attempts": 1, "at": "2026-11-23T04:30:00.000000Z"}
    }


async def test_tells_of_escalations_and_of_the_end(receiver: Receiver) -> None:
    async with webhook(receiver.url) as channel:
        first = await channel.notify(asked(), "requested")
        second = await channel.notify(asked(receipts={"people": first}), "escalated")
        await channel.resolved(approved())
    assert list(second) == ["requested", "escalated"]
    assert receiver.events() == ["approval_requested", "approval_escalated", "approval_resolved"]
    assert [each.ticket["status"] for each in receiver.received] == [
        "pending",
        "pending",
        "approved",
    ]
    assert len({each.headers["x-helio-event-id"] for each in receiver.received}) == 3


@pytest.mark.parametrize("status", [0, 408, 429, 500, 503])
async def test_tries_again_with_the_same_id(receiver: Receiver, status: int) -> None:
    receiver.answers.extend([(status, {}), (status, {})])
    async with webhook(receiver.url) as channel:
        receipt: Any = await channel.notify(asked(), "requested")
    assert receipt["requested"]["attempts"] == len(receiver.received) == 3
    assert len({each.headers["x-helio-event-id"] for each in receiver.received}) == 1
    assert all(is_signed(each) for each in receiver.received)


@pytest.mark.parametrize("status", [400, 401, 404, 410])
async def test_what_is_refused_is_not_sent_again(receiver: Receiver, status: int) -> None:
    receiver.always = status
    async with webhook(receiver.url) as channel:
        with pytest.raises(NotificationFailed, match=f"^answered {status}$"):
            await channel.notify(asked(), "requested")
    assert len(receiver.received) == 1


async def test_gives_up(receiver: Receiver) -> None:
    receiver.always = 500
    async with webhook(receiver.url) as channel:
        with pytest.raises(NotificationFailed, match="answered 500, 5 times"):
            await channel.notify(asked(), "requested")
    assert len(receiver.received) == 5


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_follows_no_redirect(receiver: Receiver, status: int) -> None:
    async with Receiver() as elsewhere:
        receiver.answers.append((status, {"location": elsewhere.url}))
        async with webhook(receiver.url) as channel:
            with pytest.raises(NotificationFailed, match="redirects are not followed"):
                await channel.notify(asked(), "requested")
        assert elsewhere.received == []


async def test_a_receiver_that_says_nothing_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dialling, "TOTAL_SECONDS", 0.05)
    connections: list[asyncio.StreamWriter] = []

    async def say_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, webhook(f"http://127.0.0.1:{port}/") as channel:
        with pytest.raises(NotificationFailed, match="no answer in time, 5 times"):
            await channel.notify(asked(), "requested")
    for connection in connections:
        connection.close()


async def test_nobody_there(free_port: int) -> None:
    async with webhook(f"http://127.0.0.1:{free_port}/") as channel:
        with pytest.raises(NotificationFailed, match=r"no connection: .*, 5 times"):
            await channel.notify(asked(), "requested")


async def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(self_signed(tmp_path))
    async with Receiver(tls=tls) as receiver, webhook(receiver.url) as channel:
        with pytest.raises(NotificationFailed, match=r"^its certificate is not trusted$"):
            await channel.notify(asked(), "requested")
    assert receiver.received == []


# Where it may lead.


class Names:
    """What names resolve to, in turn."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self.asked = 0

    async def getaddrinfo(self, host: str, port: int, **_: Any) -> list[Any]:
        address = self.addresses[min(self.asked, len(self.addresses) - 1)]
        self.asked += 1
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        place = (address, port, 0, 0) if ":" in address else (address, port)
        return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", place)]


def resolve(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> Names:
    names = Names(*addresses)
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", names.getaddrinfo)
    return names


HERE = ["127.0.0.1", "::1", "::ffff:127.0.0.1"]
INSIDE = [
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.100.100.200",
    "0.0.0.0",  # noqa: S104 - refused
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "fd00:ec2::254",
    "fe80::1",
    "ff02::1",
]


@pytest.mark.parametrize("address", HERE + INSIDE)
async def test_a_name_leads_nowhere_inside(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    names = resolve(monkeypatch, address)
    async with webhook("https://hooks.example/") as channel:
        with pytest.raises(NotificationFailed, match="not an address that this may be sent to"):
            await channel.notify(asked(), "requested")
    assert names.asked == 1


@pytest.mark.parametrize("address", INSIDE)
async def test_an_address_leads_nowhere_inside(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    async with webhook(f"https://{host}/") as channel:
        with pytest.raises(NotificationFailed, match="not an address that this may be sent to"):
            await channel.notify(asked(), "requested")


@pytest.mark.parametrize("host", ["2130706433", "0177.0.0.1", "127.1", "0x7f.1", "017700000001"])
async def test_numbers_lead_nowhere_inside(host: str, receiver: Receiver) -> None:
    async with webhook(f"http://{host}:{receiver.port}/") as channel:
        with pytest.raises(NotificationFailed):
            await channel.notify(asked(), "requested")
    assert receiver.received == []


async def test_a_name_that_changes_leads_nowhere_inside(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: first an address of documentation, which is not public, either; then here."""
    names = resolve(monkeypatch, "10.9.9.9", "127.0.0.1")
    allowed = [ip_network("10.9.9.9/32")]
    connected: list[Any] = []

    async def refuse(_socket: socket.socket, place: Any) -> None:
        connected.append(place)
        raise ConnectionRefusedError(111, "refused")

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", refuse)
    url = f"https://hooks.example:{receiver.port}/"
    async with webhook(url, allow_private=allowed) as channel:
        with pytest.raises(NotificationFailed, match=r"127\.0\.0\.1 is not an address"):
            await channel.notify(asked(), "requested")
    assert names.asked == 2
    assert connected == [("10.9.9.9", receiver.port)]


async def test_localhost_is_this_machine_only(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve(monkeypatch, "8.8.8.8")
    async with webhook("http://localhost:9/") as channel:
        with pytest.raises(NotificationFailed, match=r"8\.8\.8\.8 is not an address"):
            await channel.notify(asked(), "requested")


async def test_what_the_operator_names_is_reached(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve(monkeypatch, "127.0.0.1")
    url = f"http://hooks.example:{receiver.port}/"
    async with webhook(url, allow_private=[ip_network("127.0.0.0/8")]) as channel:
        await channel.notify(asked(), "requested")
    assert len(receiver.received) == 1


async def test_proxies_of_the_environment_are_not_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with webhook(receiver.url) as channel:
        await channel.notify(asked(), "requested")
    assert len(receiver.received) == 1


async def test_secrets_stay_secret(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.always = 401
    url = receiver.url + "?token=planted-secret"
    async with webhook(url) as channel:
        with pytest.raises(NotificationFailed) as raised:
            await channel.notify(asked(), "requested")
    told = f"{raised.value} {caplog.text} {json.dumps(dict(receiver.received[0].headers))}"
    assert "planted-secret" not in told
    assert SECRET not in told
