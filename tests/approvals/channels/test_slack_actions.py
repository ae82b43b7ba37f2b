"""What people do in Slack, with a real broker, against the stand-in for Slack."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from approvals.channels.asked import ASKED_AT, SECOND, asked
from approvals.channels.office import ALICE, MALLORY, Office, channel_of, office_of, serving
from approvals.tickets import request
from helio.approvals.channels import slack as slack_channel
from helio.approvals.channels import slack_requests
from helio.approvals.channels.slack_messages import APPROVE, DENY, REASON, reason_dialog
from helio.audit.journal import Journal
from helio.errors import JournalUnavailable
from helio.governance.ticket import Ticket
from helio.transport.slack_actions import MAX_BODY
from slack import Member, Slack


@pytest.fixture
async def office(slack: Slack, journal: Journal) -> AsyncIterator[Office]:
    async with office_of(slack, journal, approvers=[ALICE.id]) as opened:
        yield opened


async def test_a_click_approves(office: Office) -> None:
    ticket = await office.ask()
    assert await office.slack.click(ALICE, office.slack.messages[0], APPROVE) == 200
    resolved = office.tickets.get(ticket.id)
    assert (resolved.status, resolved.resolved_by) == ("approved", "slack:U0ALICE (alice)")
    await office.told("Approved")
    assert office.slack.messages[0].elements() == []
    assert "slack:U0ALICE (alice)" in office.slack.messages[0].shown()


@pytest.mark.parametrize("reason", ["the wrong account", None])
async def test_a_dialog_denies(office: Office, reason: str | None) -> None:
    ticket = await office.ask()
    assert await office.slack.click(ALICE, office.slack.messages[0], DENY) == 200
    await office.slack.until(lambda: office.slack.views)
    assert office.tickets.get(ticket.id).is_pending
    said = {} if reason is None else {REASON: reason}
    assert await office.slack.submit(ALICE, office.slack.views[0], **said) is None
    resolved = office.tickets.get(ticket.id)
    assert (resolved.status, resolved.reason) == ("denied", reason)
    assert resolved.resolved_by == "slack:U0ALICE (alice)"
    await office.told("Denied")
    assert (reason is None) == ("Reason" not in office.slack.messages[0].shown())


async def test_others_may_not(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    ticket = await office.ask()
    slack, (message,) = office.slack, office.slack.messages
    assert await slack.click(MALLORY, message, APPROVE) == 200
    assert await slack.click(MALLORY, message, DENY) == 200
    await slack.until(lambda: len(slack.ephemerals) == 2)
    assert set(slack.ephemerals) == {(MALLORY.id, "You are not among those who may answer this.")}
    assert slack.views == []
    # Nor by a dialog that somebody else opened.
    await slack.click(ALICE, message, DENY)
    await slack.until(lambda: slack.views)
    answer = await slack.submit(MALLORY, slack.views[0], **{REASON: "no"})
    assert answer["response_action"] == "update"
    assert office.tickets.get(ticket.id).is_pending
    assert caplog.text.count("slack:U0MALLORY (mallory) may not answer it") == 3


async def test_without_approvers_all_who_see_it_may(slack: Slack, journal: Journal) -> None:
    async with office_of(slack, journal) as office:
        ticket = await office.ask()
        await slack.click(MALLORY, slack.messages[0], APPROVE)
        assert office.tickets.get(ticket.id).resolved_by == "slack:U0MALLORY (mallory)"


async def test_who_comes_second_is_told_kindly(office: Office) -> None:
    ticket = await office.ask()
    slack = office.slack
    message = slack.messages[0]
    payloads = [slack.block_actions(ALICE, message, element) for element in message.elements() * 2]
    await slack.click(ALICE, message, DENY)
    await slack.until(lambda: slack.views)
    await office.tickets.approve(ticket.id, "bob")
    for payload in payloads:
        assert (await slack.send(payload))[0] == 200
    answer = await slack.submit(ALICE, slack.views[0])
    told = "This was answered before. Approved, by bob."
    assert answer["view"]["blocks"][0]["text"]["text"] == told
    await slack.until(lambda: len(slack.ephemerals) == 4)
    assert set(slack.ephemerals) == {(ALICE.id, told)}
    assert len(slack.views) == 1
    assert office.tickets.get(ticket.id).resolved_by == "bob"


async def test_one_of_many_clicks_counts(office: Office) -> None:
    ticket = await office.ask()
    slack, (message,) = office.slack, office.slack.messages
    approve = message.elements()[0]
    payloads = [
        slack.block_actions(Member(ALICE.id, f"alice {number}"), message, approve)
        for number in range(20)
    ]
    statuses = await asyncio.gather(*(slack.send(each) for each in payloads))
    assert {status for status, _ in statuses} == {200}
    assert office.tickets.get(ticket.id).status == "approved"
    await slack.until(lambda: len(slack.ephemerals) == 19)


async def test_a_message_that_slack_did_not_confirm_can_be_answered(
    slack: Slack, journal: Journal
) -> None:
    """Slack took a message and did not say so: nothing but the message itself tells of it."""
    async with office_of(slack, journal) as office:
        ticket = await office.ask()
        (known,) = slack.messages
        await office.channel.notify(office.tickets.get(ticket.id), "requested")
        unknown = slack.messages[1]
        assert await slack.click(ALICE, unknown, APPROVE) == 200
        assert office.tickets.get(ticket.id).status == "approved"
        await slack.until(lambda: known.updates)
        assert unknown.elements() != []
        approve = slack.block_actions(ALICE, unknown, unknown.elements()[0])
        await slack.send(approve)
        await slack.until(lambda: unknown.updates)
        assert unknown.elements() == []


class Shut:
    """A desk whose journal is full."""

    def __init__(self, ticket: Ticket) -> None:
        self.ticket = ticket

    def get(self, _ticket_id: str) -> Ticket:
        return self.ticket

    async def approve(self, ticket_id: str, by: str) -> Ticket:
        raise JournalUnavailable("the disk is full")

    async def deny(self, ticket_id: str, by: str, reason: str | None = None) -> Ticket:
        raise JournalUnavailable("the disk is full")


async def test_an_answer_that_is_not_recorded_does_not_count(slack: Slack) -> None:
    channel = channel_of(slack)
    receipt = await channel.notify(asked(), "requested")
    async with serving(Shut(asked(receipts={"people": receipt})), channel) as slack.request_url:
        (message,) = slack.messages
        assert await slack.click(ALICE, message, APPROVE) == 200
        await slack.click(ALICE, message, DENY)
        await slack.until(lambda: slack.views)
        answer = await slack.submit(ALICE, slack.views[0])
        told = "Your answer could not be recorded, so it does not count. Please try again."
        assert slack.ephemerals == [(ALICE.id, told)]
        assert answer["view"]["blocks"][0]["text"]["text"] == told
    await channel.aclose()


async def test_a_ticket_that_is_not_known(office: Office) -> None:
    await office.ask()
    slack, (message,) = office.slack, office.slack.messages
    for element in message.elements():
        element["value"] = "tkt_of_another_helio"
    assert await slack.click(ALICE, message, APPROVE) == 200
    await slack.until(lambda: slack.ephemerals)
    assert slack.ephemerals == [(ALICE.id, "Helio does not know this ticket any more.")]


# Whose requests count.


async def test_a_request_counts_once(office: Office) -> None:
    ticket = await office.ask()
    slack, (message,) = office.slack, office.slack.messages
    deny = slack.block_actions(ALICE, message, message.elements()[1])
    body = Slack.body(deny)
    headers = slack.signed(body)
    statuses = Counter([(await slack.post(body, headers))[0] for _ in range(3)])
    assert statuses == {200: 1, 403: 2}
    await slack.until(lambda: slack.views)
    assert len(slack.views) == 1
    assert office.tickets.get(ticket.id).is_pending


async def test_a_replayed_approval_resolves_once(office: Office) -> None:
    ticket = await office.ask()
    slack, (message,) = office.slack, office.slack.messages
    body = Slack.body(slack.block_actions(ALICE, message, message.elements()[0]))
    headers = slack.signed(body)
    statuses = await asyncio.gather(*(slack.post(body, headers) for _ in range(10)))
    assert Counter(status for status, _ in statuses) == {200: 1, 403: 9}
    assert office.tickets.get(ticket.id).status == "approved"
    assert slack.ephemerals == []


async def test_only_what_slack_signed(office: Office) -> None:
    ticket = await office.ask()
    slack, (message,) = office.slack, office.slack.messages
    body = Slack.body(slack.block_actions(ALICE, message, message.elements()[0]))
    forged = Slack(signing_secret="another-secret-of-another-app").signed(body)
    good = slack.signed(body)
    now = int(good["x-slack-request-timestamp"])
    refused = [
        forged,
        {"content-type": good["content-type"]},
        good | {"x-slack-signature": "v0="},
        good | {"x-slack-request-timestamp": str(now + 1)},
        slack.signed(body, now - 301),
        slack.signed(body, now + 310),
    ]
    for headers in refused:
        assert (await slack.post(body, headers))[0] == 401
    assert (await slack.post(body + b"&a=b", good))[0] == 401
    assert office.tickets.get(ticket.id).is_pending
    assert (await slack.post(body, good))[0] == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "application/json"}, 415),
        ({"content-type": "text/plain; a=application/x-www-form-urlencoded"}, 415),
        ({"content-encoding": "gzip"}, 415),
        ({"origin": "https://evil.example"}, 403),
        ({"host": "evil.example"}, 403),
    ],
)
async def test_guards(office: Office, headers: dict[str, str], status: int) -> None:
    body = Slack.body({"type": "shortcut"})
    assert (await office.slack.post(body, office.slack.signed(body) | headers))[0] == status


async def test_the_size_of_a_request_is_bounded(office: Office) -> None:
    body = b"payload=" + b"a" * MAX_BODY
    status, answer = await office.slack.post(body, office.slack.signed(body))
    assert (status, "body_too_large" in answer) == (413, True)


async def test_signed_nonsense(office: Office) -> None:
    for body, status in [(b"payload=1", 400), (Slack.body({"type": "shortcut"}), 200)]:
        assert (await office.slack.post(body, office.slack.signed(body)))[0] == status


async def test_the_secret_tells_whose_request_it_is(slack: Slack, journal: Journal) -> None:
    """Two apps: what one signs cannot answer what the other was asked."""
    async with Slack(signing_secret="the-secret-of-another-app", bot_token="xoxb-2") as other:
        elsewhere = channel_of(other, "elsewhere")
        async with office_of(slack, journal, elsewhere) as office:
            ticket = await office.ask()
            other.request_url = slack.request_url
            foreign = other.block_actions(ALICE, slack.messages[0], slack.messages[0].elements()[0])
            assert (await other.send(foreign))[0] == 200
            await other.until(lambda: other.ephemerals)
            assert office.tickets.get(ticket.id).is_pending
            assert await slack.click(ALICE, slack.messages[0], APPROVE) == 200
            assert office.tickets.get(ticket.id).status == "approved"


async def test_one_app_in_two_channels(slack: Slack, journal: Journal) -> None:
    """Who may answer is the message's channel's to say."""
    slack.channels = {"C0APPROVALS": "approvals", "C0OTHERS": "others"}
    second = channel_of(slack, "second", channel="C0OTHERS", approvers=[MALLORY.id])
    async with office_of(slack, journal, second, approvers=[ALICE.id]) as office:
        ticket = await office.tickets.ask(request(channels=("people", "second")))
        await slack.until(lambda: len(slack.messages) == 2)
        by_place = {each.channel: each for each in slack.messages}
        async with asyncio.timeout(5):
            while len(office.tickets.get(ticket.id).receipts) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        await slack.click(MALLORY, by_place["C0APPROVALS"], APPROVE)
        await slack.click(ALICE, by_place["C0OTHERS"], APPROVE)
        assert office.tickets.get(ticket.id).is_pending
        await slack.click(MALLORY, by_place["C0OTHERS"], APPROVE)
        assert office.tickets.get(ticket.id).resolved_by == "slack:U0MALLORY (mallory)"
        await slack.until(lambda: all(each.updates for each in slack.messages))


async def test_the_clock_of_the_window_is_the_walls(slack: Slack, journal: Journal) -> None:
    at = ASKED_AT / SECOND
    async with office_of(slack, journal, now=lambda: at) as office:
        ticket = await office.ask()
        body = Slack.body(
            slack.block_actions(ALICE, slack.messages[0], slack.messages[0].elements()[0])
        )
        assert (await slack.post(body, slack.signed(body)))[0] == 401
        assert (await slack.post(body, slack.signed(body, at - 299)))[0] == 200
        assert office.tickets.get(ticket.id).status == "approved"


async def test_a_dialog_of_a_channel_that_was_not_asked(slack: Slack, journal: Journal) -> None:
    """One app in two channels signs for both; only one of them was asked."""
    other = channel_of(slack, "other", approvers=[MALLORY.id])
    async with office_of(slack, journal, other, approvers=[ALICE.id]) as office:
        ticket = await office.ask()
        view = reason_dialog(ticket, "other")
        answer = await slack.submit(MALLORY, view, **{REASON: "no"})
        assert answer["response_action"] == "update"
        assert office.tickets.get(ticket.id).is_pending


async def test_what_could_not_be_remembered_is_not_accepted(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack_requests, "MOST_SIGNATURES", 1)
    ticket = await office.ask()
    slack, (message,) = office.slack, office.slack.messages
    assert await slack.click(ALICE, message, DENY) == 200
    assert await slack.click(ALICE, message, APPROVE) == 503
    assert office.tickets.get(ticket.id).is_pending


async def test_replies_under_way_are_bounded(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(slack_channel, "MOST_REPLIES", 0)
    ticket = await office.ask()
    assert await office.slack.click(MALLORY, office.slack.messages[0], APPROVE) == 200
    assert "the channel people replies to too many clicks at once" in caplog.text
    assert office.slack.called["chat.postEphemeral"] == 0
    assert office.tickets.get(ticket.id).is_pending
