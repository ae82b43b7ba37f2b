"""The dashboard in a real browser, before a Helio with real traffic."""

import threading

import pytest
from playwright.sync_api import expect

from end_to_end.browsing import Sit
from end_to_end.people import People
from end_to_end.recording import TOOLS, Recorder
from end_to_end.wire import Reply, call
from processes import HelioFactory, HelioProcess

pytestmark = pytest.mark.end_to_end

RULES = """
policies:
  rules:
    - { name: large, match: { tool: create_payment, input: { amount: { gt: 100 } } },
        action: require_approval }
    - { name: no-mail, match: { tool: read_mail }, action: deny,
        feedback: { message: Mail is private. } }
"""
RETURNED = RULES + "approval: { mode: return }\n"
COUNTED = """
policies:
  rules:
    - { name: often, match: { tool: delete_order }, limits: { max_calls: 1, window: 1h } }
budgets:
  - { name: payments, limit: 100, currency: EUR, window: 24h,
      contributors: [{ match: { tool: create_payment }, field: amount }] }
"""
VAULT = """
budgets:
  - { name: vault, limit: 12345678901234567890.5, currency: EUR, window: 24h,
      contributors: [{ match: { tool: open_vault }, field: amount }] }
"""
MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script>"


@pytest.fixture(scope="module")
def house(shared_helio: HelioFactory, shared_recorder: Recorder) -> HelioProcess:
    """A Helio for several tests: each knows its own calls by their session."""
    return shared_helio(RULES + VAULT, upstream=shared_recorder.url).wait_for_index()


def test_only_who_knows_the_secret_gets_in_and_out_is_out(house: HelioProcess, sit: Sit) -> None:
    desk = sit(house)
    desk.open("#/audit")
    desk.page.get_by_label("Operator's secret").fill("wrong")
    desk.page.get_by_role("button", name="Sign in").click()
    desk.sees("That is not the secret of this Helio.")
    desk.page.get_by_label("Operator's secret").fill(desk.process.secret)
    desk.page.keyboard.press("Enter")
    expect(desk.page.get_by_role("heading", name="Audit")).to_be_visible()
    (cookie,) = desk.context.cookies()
    assert cookie.get("httpOnly")
    desk.page.reload()
    expect(desk.page.get_by_role("heading", name="Audit")).to_be_visible()
    desk.page.get_by_role("button", name="Sign out").click()
    desk.sees("You are signed out.")
    desk.page.reload()
    expect(desk.page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_the_printed_link_signs_in_and_leaves_the_secret_nowhere(
    house: HelioProcess, sit: Sit
) -> None:
    desk = sit(house)
    desk.open(f"#secret={desk.process.secret}")
    expect(desk.page.get_by_role("heading", name="Live")).to_be_visible()
    assert desk.process.secret not in desk.page.url
    kept = desk.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert desk.process.secret not in kept
    desk.page.get_by_role("link", name="Audit").click()
    desk.page.go_back()
    assert desk.process.secret not in desk.page.url


def test_calls_are_there_as_they_happen_and_stand_still_when_paused(
    house: HelioProcess, sit: Sit
) -> None:
    desk = sit(house)
    desk.sign_in()
    call(house.mcp_url, "create_payment", {"amount": 7}, session="live-1")
    mine = desk.page.get_by_role("row").filter(has_text="session live-1")
    row = mine.filter(has_text="create_payment")
    expect(row).to_contain_text("allowed")
    desk.page.get_by_role("button", name="Pause").click()
    call(house.mcp_url, "read_mail", session="live-1")
    resume = desk.page.get_by_role("button", name="Resume (1 new)")
    resume.wait_for()
    expect(mine.filter(has_text="read_mail")).to_have_count(0)
    resume.click()
    expect(mine.filter(has_text="read_mail")).to_contain_text("no-mail")
    desk.page.get_by_label("Decision").select_option("blocked")
    expect(row).to_have_count(0)
    desk.page.get_by_label("Decision").select_option("")
    desk.page.get_by_label("Find in what is shown").fill("live-1")
    expect(desk.page.locator("tbody tr")).to_have_count(2)
    row.get_by_role("link").click()
    expect(desk.page.get_by_role("heading", name="create_payment")).to_be_visible()
    desk.sees('"amount": 7')
    desk.page.go_back()
    expect(desk.page.locator("tbody tr")).to_have_count(2)


def test_a_call_waits_is_seen_and_let_through(house: HelioProcess, sit: Sit) -> None:
    process = house
    call(process.mcp_url, "create_payment", {"amount": 1}, session="waits-1")
    desk = sit(process)
    desk.sign_in()
    answers: list[Reply] = []
    arguments = {"amount": 700, "reference": 12345678901234567890}

    def ask() -> None:
        answers.append(call(process.mcp_url, "create_payment", arguments, session="waits-1"))

    agent = threading.Thread(target=ask)
    agent.start()
    expect(desk.page).to_have_title("(1) Helio · Live")
    desk.page.get_by_role("link", name="Approvals").click()
    ticket = desk.page.get_by_role("article")
    expect(ticket).to_contain_text('"reference": 12345678901234567890')
    expect(ticket.get_by_role("timer")).to_contain_text(":")
    expect(ticket.get_by_role("listitem").filter(has_text="create_payment")).to_contain_text(
        "allowed"
    )
    expect(ticket).to_contain_text("nothing spent of 12345678901234567890.5 EUR")
    desk.page.keyboard.press("a")
    dialog = desk.page.get_by_role("dialog")
    expect(dialog.get_by_label("Your name")).to_have_value("ann")
    dialog.get_by_role("button", name="Approve").click()
    desk.sees("Nothing waits for you")
    agent.join(20)
    assert b'"isError"' not in answers[0].body
    assert b"12345678901234567890" in answers[0].body, "it got the upstream's answer"
    expect(desk.page).to_have_title("Helio · Approvals")
    over = desk.page.get_by_role("row").filter(has_text="approved")
    expect(over).to_contain_text("ann")


def test_a_call_is_denied_with_a_reason_and_the_glass_is_broken_with_the_secret(
    helio: HelioFactory, recorder: Recorder, sit: Sit
) -> None:
    process = helio(RETURNED, upstream=recorder.url).wait_for_index()
    people = People(process)
    desk = sit(process)
    desk.sign_in()
    desk.page.get_by_role("link", name="Approvals").click()
    call(process.mcp_url, "create_payment", {"amount": 700})
    desk.page.get_by_role("button", name="Deny").click()
    desk.page.get_by_label("Why").fill("No such supplier.")
    desk.page.get_by_role("dialog").get_by_role("button", name="Deny").click()
    desk.sees("Nothing waits for you")
    (denied,) = people.tickets(status="denied")
    assert (denied["denial_reason"], denied["resolved_by"]) == ("No such supplier.", "ann")

    call(process.mcp_url, "create_payment", {"amount": 800})
    desk.page.get_by_role("button", name="Break glass").click()
    dialog = desk.page.get_by_role("dialog")
    dialog.get_by_label("The emergency").fill("The warehouse is on fire.")
    dialog.get_by_label("Operator's secret").fill("wrong")
    dialog.get_by_role("button", name="Break glass").click()
    expect(dialog.get_by_role("alert")).to_be_visible()
    assert people.tickets(status="pending")
    dialog.get_by_label("Operator's secret").fill(process.secret)
    dialog.get_by_role("button", name="Break glass").click()
    desk.sees("Nothing waits for you")
    (broken,) = people.tickets(status="break_glass")
    assert broken["break_glass_reason"] == "The warehouse is on fire."


def test_the_audit_is_searched_and_the_address_keeps_what_was_asked(
    house: HelioProcess, sit: Sit
) -> None:
    process = house
    for amount in range(3):
        call(process.mcp_url, "create_payment", {"amount": amount}, session="found-1")
    call(process.mcp_url, "read_mail", session="found-1")
    desk = sit(process)
    desk.sign_in()
    desk.open("#/audit?session=found-1")
    rows = desk.page.locator("tbody tr")
    desk.page.get_by_label("Blocked").select_option("true")
    expect(rows).to_have_count(1)
    desk.page.get_by_label("Blocked").select_option("")
    desk.page.get_by_role("searchbox", name="Tool").fill("PAYMENT")
    desk.page.keyboard.press("Enter")
    expect(rows).to_have_count(3)
    desk.page.get_by_role("combobox", name="Time").select_option("1h")
    expect(rows).to_have_count(3)
    desk.page.reload()
    expect(rows).to_have_count(3)
    expect(desk.page.get_by_role("searchbox", name="Tool")).to_have_value("PAYMENT")
    with desk.page.expect_download() as download:
        desk.page.get_by_role("link", name="CSV").click()
    assert download.value.path().read_text().count("create_payment") == 3
    desk.page.get_by_role("link", name="Clear 3 filters").click()
    desk.page.locator("tbody").get_by_role("link", name="read_mail").first.click()
    desk.sees("Mail is private.")
    shown = desk.page.locator("dd .hash").first.inner_text()
    row = process.ask("/api/audit?tool=read_mail&session=found-1")["data"][0]
    assert shown == process.ask(f"/api/audit/{row['id']}")["data"]["hash"]


def test_it_comes_back_by_itself_and_fills_what_it_missed(
    helio: HelioFactory, recorder: Recorder, sit: Sit
) -> None:
    process = helio(RULES, upstream=recorder.url).wait_for_index()
    desk = sit(process)
    desk.sign_in()
    desk.sees("No calls yet")
    call(process.mcp_url, "create_payment", {"amount": 1})
    expect(desk.page.locator("tbody tr")).to_have_count(1)
    asked: list[str] = []
    desk.page.on("request", lambda request: asked.append(request.url))
    desk.context.route("**/api/events*", lambda route: route.abort())
    # The stream ends, as when a network changes; the session goes on.
    desk.page.evaluate("dispatchEvent(new Event('offline'))")
    desk.sees("Reconnecting…")
    call(process.mcp_url, "create_payment", {"amount": 2})
    call(process.mcp_url, "read_mail")
    desk.context.unroute("**/api/events*")
    expect(desk.page.locator("tbody tr")).to_have_count(3)
    expect(desk.page.locator(".connection")).to_have_text("Live")
    assert not [url for url in asked if "/api/feed" in url], "the stream itself told it"


def test_a_helio_that_was_restarted_asks_for_the_secret_again(
    helio: HelioFactory, recorder: Recorder, sit: Sit
) -> None:
    process = helio(RULES, upstream=recorder.url).wait_for_index()
    desk = sit(process)
    desk.sign_in()
    process.stop()
    desk.sees("Reconnecting…")
    process.start()
    desk.sees("Your session is over.")


def test_limits_fill_and_budgets_are_charged_while_one_looks(
    helio: HelioFactory, recorder: Recorder, sit: Sit
) -> None:
    process = helio(COUNTED, upstream=recorder.url).wait_for_index()
    desk = sit(process)
    desk.sign_in()
    desk.page.get_by_role("link", name="Limits").click()
    payments = desk.page.locator(".card").filter(has_text="payments")
    expect(payments).to_contain_text("Nothing counts now.")
    call(process.mcp_url, "create_payment", {"amount": 90})
    expect(payments).to_contain_text("90 / 100")
    expect(payments).to_contain_text("nearly full")
    call(process.mcp_url, "delete_order")
    often = desk.page.locator(".card").filter(has_text="often")
    expect(often).to_contain_text("1 / 1")
    expect(often.get_by_role("meter")).to_have_attribute("aria-valuenow", "100")
    payments.get_by_role("link", name="Ledger").click()
    expect(desk.page.locator("tbody tr")).to_contain_text("90 EUR")
    desk.page.locator("tbody").get_by_role("link").click()
    expect(desk.page.get_by_role("heading", name="create_payment")).to_be_visible()


def test_markup_is_text_wherever_it_is_shown(
    helio: HelioFactory, recorder: Recorder, sit: Sit
) -> None:
    recorder.tools = [*TOOLS, {"name": MARKUP, "inputSchema": {"type": "object"}}]
    recorder.answer = lambda _: {"content": [{"type": "text", "text": MARKUP}]}
    process = helio(RETURNED, upstream=recorder.url).wait_for_index()
    desk = sit(process)
    desk.sign_in(MARKUP)
    call(process.mcp_url, MARKUP, {MARKUP: MARKUP}, session="s1")
    desk.page.get_by_role("link", name=MARKUP).click()
    desk.page.get_by_role("heading", name=MARKUP).wait_for()
    desk.page.get_by_role("region", name="Response").wait_for()
    call(process.mcp_url, "create_payment", {"amount": 700, MARKUP: MARKUP}, session="s1")
    for page in ("#/live", "#/approvals", "#/audit"):
        desk.open(page)
        desk.sees(MARKUP)
        assert desk.page.locator("main img, main script").count() == 0
    desk.open("#/tools")
    desk.sees(MARKUP)
    desk.open("#/policy")
    desk.page.get_by_label("A call, as helio explain takes it").fill(f'{{"tool": "{MARKUP}"}}')
    desk.page.get_by_role("button", name="Explain").click()
    desk.page.get_by_role("article").get_by_text(MARKUP).wait_for()
    assert desk.page.locator("main img, main script").count() == 0
    desk.open("#/approvals")
    desk.page.get_by_role("button", name="Deny").click()
    desk.page.get_by_label("Why").fill(MARKUP)
    desk.page.get_by_role("dialog").get_by_role("button", name="Deny").click()
    desk.page.get_by_role("cell", name=MARKUP).first.wait_for()
