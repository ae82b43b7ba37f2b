"""The Slack channel against the stand-in for Slack: what is posted."""

import asyncio
import logging
from typing import Any

import pytest
from aiohttp import web

from approvals.channels.asked import ASKED_AT, SECOND, approved, asked
from approvals.channels.office import Pauses, channel_of
from approvals.tickets import binding, broker, request
from helio.approvals import notifying
from helio.approvals.channels import dialling
from helio.approvals.channels.attempts import Attempts
from helio.approvals.channels.webhook import WebhookChannel
from helio.audit.journal import Journal
from helio.errors import NotificationFailed
from slack import Slack, rate_limited


async def test_posts_and_updates(slack: Slack) -> None:
    channel = channel_of(slack, now=lambda: ASKED_AT / SECOND)
    receipt = await channel.notify(asked(), "requested")
    (message,) = slack.messages
    assert receipt == {
        "messages": [{"channel": "C0APPROVALS", "ts": message.ts}],
        "attempts": 1,
        "at": "2026-11-23T04:30:00.000000Z",
    }
    assert len(message.elements()) == 2
    await channel.resolved(approved(receipts={"people": receipt}))
    assert message.text == "Approved: create_payment"
    assert message.elements() == []
    await channel.aclose()


async def test_all_messages_of_a_ticket_tell_the_result(slack: Slack) -> None:
    channel = channel_of(slack)
    first = await channel.notify(asked(), "requested")
    second = await channel.notify(asked(receipts={"people": first}), "escalated")
    assert [each.text.partition(":")[0] for each in slack.messages] == [
        "Approval needed",
        "Still waiting for an answer",
    ]
    await channel.resolved(approved(receipts={"people": second}))
    assert {each.text for each in slack.messages} == {"Approved: create_payment"}
    await channel.aclose()


async def test_leaves_slack_alone_as_long_as_it_says(slack: Slack) -> None:
    slack.trouble.append(rate_limited(7))
    pauses = Pauses()
    channel = channel_of(slack, attempts=Attempts(pauses))
    receipt = await channel.notify(asked(), "requested")
    assert receipt["attempts"] == 2
    assert 7 <= pauses.seconds[0] <= 7.5
    await channel.aclose()


@pytest.mark.parametrize("status", [500, 503])
async def test_gives_up_when_slack_is_down(slack: Slack, status: int) -> None:
    slack.trouble.extend(web.Response(status=status, text="<html>") for _ in range(9))
    channel = channel_of(slack)
    with pytest.raises(NotificationFailed, match=f"^Slack answered {status}, 5 times$"):
        await channel.notify(asked(), "requested")
    assert slack.called["chat.postMessage"] == 5
    await channel.aclose()


async def test_what_is_not_json(slack: Slack) -> None:
    slack.trouble.extend(web.Response(text="{", content_type="application/json") for _ in range(9))
    channel = channel_of(slack)
    with pytest.raises(NotificationFailed, match=r"no answer that can be read, 5 times"):
        await channel.notify(asked(), "requested")
    await channel.aclose()


async def test_nobody_there(slack: Slack, free_port: int) -> None:
    channel = channel_of(slack, api_url=f"http://127.0.0.1:{free_port}/api/")
    with pytest.raises(NotificationFailed, match="no connection: .*, 5 times"):  # noqa: RUF043
        await channel.notify(asked(), "requested")
    await channel.aclose()


async def test_a_slack_that_says_nothing(slack: Slack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialling, "TOTAL_SECONDS", 0.05)
    connections: list[asyncio.StreamWriter] = []

    async def say_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        channel = channel_of(slack, api_url=f"http://127.0.0.1:{port}/api/")
        with pytest.raises(NotificationFailed, match="no answer in time, 5 times"):
            await channel.notify(asked(), "requested")
        await channel.aclose()
    for connection in connections:
        connection.close()


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({"bot_token": "xoxb-another"}, "Slack says invalid_auth: check `bot_token`"),
        ({"channel": "#nowhere"}, "Slack says channel_not_found: check `channel`"),
    ],
)
async def test_what_the_operator_must_mend(
    slack: Slack, options: dict[str, Any], advice: str
) -> None:
    channel = channel_of(slack, **options)
    with pytest.raises(NotificationFailed, match=advice):
        await channel.notify(asked(), "requested")
    assert slack.called["chat.postMessage"] == 1
    await channel.aclose()


async def test_secrets_and_arguments_stay_out_of_the_log(
    slack: Slack, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:planted-password@127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://user:planted-password@127.0.0.1:9")
    caplog.set_level(logging.DEBUG)
    channel = channel_of(slack)
    await channel.notify(asked(), "requested")
    slack.trouble.append(web.Response(status=404))
    with pytest.raises(NotificationFailed) as raised:
        await channel.notify(asked(), "requested")
    await channel.aclose()
    told = f"{raised.value} {caplog.text}"
    for secret in (slack.bot_token, slack.signing_secret, "planted-password", "1500.10"):
        assert secret not in told


async def test_nothing_is_left_of_channels_that_fail(
    slack: Slack, journal: Journal, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slack says nothing and nobody is at the webhook's address: when Helio stops, all ends."""
    monkeypatch.setattr(notifying, "PARTING_SECONDS", 0.05)
    before = asyncio.all_tasks()
    silent = asyncio.Event()
    people = channel_of(slack, attempts=Attempts(lambda _seconds: wait(silent)))
    slack.trouble.extend(rate_limited(1) for _ in range(20))
    programs = WebhookChannel("programs", f"http://127.0.0.1:{free_port}/", "secret")
    tickets = broker(journal, people, programs)
    for number in range(20):
        await tickets.ask(request(binding=binding(f"call {number}")))
    await slack.until(lambda: slack.called["chat.postMessage"])
    assert len(asyncio.all_tasks() - before) >= 40
    await tickets.aclose()
    left = {task for task in asyncio.all_tasks() - before if "aiohttp" not in repr(task)}
    assert left == set()


async def wait(event: asyncio.Event) -> None:
    await event.wait()


async def test_many_at_once_wait_for_each_other(slack: Slack) -> None:
    """Slack takes one message, and then none before somebody paused."""
    free = True

    def take_one() -> None:
        nonlocal free
        if not free:
            raise web.HTTPTooManyRequests(headers={"retry-after": "1"})
        free = False

    async def pause(_seconds: float) -> None:
        nonlocal free
        free = True

    slack.trouble.extend([take_one] * 100)
    channel = channel_of(slack, attempts=Attempts(pause))
    tickets = [asked(call_id=f"call {number}") for number in range(12)]
    await asyncio.gather(*(channel.notify(each, "requested") for each in tickets))
    assert len(slack.messages) == 12
    await channel.aclose()
