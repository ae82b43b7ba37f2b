"""The dashboard on a bad night: addresses of nonsense, two people at one ticket, texts that would
look other than they are, a browser whose clock is wrong, answers that fail or come late."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import APIResponse, Page, Route, expect

from end_to_end.browsing import Desk, Sit
from end_to_end.people import People
from end_to_end.recording import Recorder
from end_to_end.wire import call
from processes import HelioFactory, HelioProcess

pytestmark = pytest.mark.end_to_end

RULES = """
approval: { mode: return, timeout: 1h }
policies:
  rules:
    - { name: soon, match: { tool: delete_order }, action: require_approval,
        approval: { timeout: 20m } }
    - { name: large, match: { tool: create_payment, input: { amount: { gt: 100 } } },
        action: require_approval }
"""
AN_HOUR_AHEAD = "const now = Date.now; Date.now = () => now() + 3_600_000;"
FAMILY = "\U0001f469\u200d\U0001f467\U0001f3fd\u200d\U0001f466"
FRAMES = "new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))"


@pytest.fixture(scope="module")
def house(shared_helio: HelioFactory, shared_recorder: Recorder) -> HelioProcess:
    """A Helio for all of these; whoever lets calls wait ends them."""
    return shared_helio(RULES, upstream=shared_recorder.url).wait_for_index()


@pytest.fixture
def desk(house: HelioProcess, sit: Sit) -> Desk:
    """Somebody who is signed in, before a queue without calls."""
    people = People(house)
    for ticket in people.tickets(status="pending"):
        people.deny(ticket)
    found = sit(house)
    found.sign_in()
    return found


def forgive_missing(desk: Desk) -> None:
    """Browsers note each 404."""
    desk.complaints[:] = [each for each in desk.complaints if "404" not in each]


def test_addresses_of_nonsense_leave_pages_that_work(desk: Desk) -> None:
    for address, shown in (
        ("#/audit/%zz", "there is no row with this id"),
        ("#/approvals/%zz", "Nothing is known of this ticket."),
        ("#/audit?period=constructor", "Newer"),
        ("#/analytics?tool=none&period=constructor", "No calls in this time"),
    ):
        desk.open(address)
        desk.page.reload()
        desk.sees(shown)
        desk.page.get_by_role("link", name="Live").click()
        expect(desk.page.get_by_role("heading", name="Live")).to_be_visible()
    forgive_missing(desk)


def test_a_page_that_cannot_be_drawn_says_so_and_others_are_there(desk: Desk) -> None:
    desk.context.route("**/api/tools", lambda route: route.fulfill(json={"data": [{"name": "x"}]}))
    desk.open("#/tools")
    desk.sees("This page cannot be shown")
    desk.page.get_by_role("link", name="Policy").click()
    expect(desk.page.get_by_role("heading", name="Policy", exact=True)).to_be_visible()
    expect(desk.page.get_by_role("row").filter(has_text="large")).to_be_visible()


def test_what_is_looked_at_stays_until_whoever_looks_leaves_it(
    house: HelioProcess, desk: Desk
) -> None:
    people = People(house)
    call(house.mcp_url, "create_payment", {"amount": 701})
    desk.open("#/approvals")
    article = desk.page.get_by_role("article")
    expect(article).to_contain_text('"amount": 701')
    call(house.mcp_url, "delete_order", {"order": 9})
    queue = desk.page.get_by_role("navigation", name="Calls that wait")
    expect(queue.get_by_role("link").first).to_contain_text("delete_order")
    expect(article).to_contain_text('"amount": 701')
    desk.page.keyboard.press("a")
    dialog = desk.page.get_by_role("dialog")
    expect(dialog).to_contain_text('"amount": 701')
    expect(dialog.get_by_label("Your name")).to_be_focused()
    (payment,) = (
        each for each in people.tickets(status="pending") if each["tool_name"] == "create_payment"
    )
    people.deny(payment, "Not this one.", by="bob")
    expect(dialog.get_by_role("alert")).to_contain_text("does not wait any more")
    expect(dialog.get_by_role("button", name="Approve")).to_be_disabled()
    desk.page.keyboard.press("Escape")
    expect(article).to_contain_text("when bob decided")
    expect(article).to_contain_text("Not this one.")
    desk.page.keyboard.press("a")
    expect(dialog).to_have_count(0)
    desk.page.get_by_role("link", name="To the next call").click()
    expect(article).to_contain_text('"order": 9')
    assert [each["tool_name"] for each in people.tickets(status="pending")] == ["delete_order"]


def test_texts_show_what_would_make_them_look_other_than_they_are(
    house: HelioProcess, desk: Desk
) -> None:
    said = {"amount": 200, "to": "pay \u202e0001", "zero": "a\u200bb", "tag": "x\U000e0041"}
    said |= {"joiner": "a\u200db", "family": FAMILY, "late": f"{FAMILY}\u200dx"}
    call(house.mcp_url, "create_payment", {**said, "\u05de\u05e4": "\u05e9\u05dc\u05d5\u05dd 7"})
    desk.open("#/approvals")
    article = desk.page.get_by_role("article")
    for shown in (r'"pay \u{202e}0001"', r'"a\u{200b}b"', r'"x\u{e0041}"', r'"a\u{200d}b"'):
        expect(article).to_contain_text(shown)
    expect(article).to_contain_text(f'"{FAMILY}"')
    expect(article).to_contain_text(rf'"{FAMILY}\u{{200d}}x"')
    expect(article.locator("bdi")).to_have_text(['"\u05de\u05e4"', '"\u05e9\u05dc\u05d5\u05dd 7"'])
    expect(desk.page.get_by_role("navigation", name="Calls that wait")).to_contain_text(
        r"pay \u{202e}0001"
    )


def test_arguments_that_are_not_kept_whole_are_called_so(house: HelioProcess, desk: Desk) -> None:
    call(house.mcp_url, "create_payment", {"amount": 900, "note": "n" * 300_000}, session="long-1")
    desk.open("#/approvals")
    told = desk.page.get_by_text("only its beginning is known here")
    expect(desk.page.get_by_role("article")).to_contain_text("Too long to be kept (300,")
    desk.page.keyboard.press("a")
    dialog = desk.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Too long to be kept (300,")
    dialog.get_by_role("button", name="Cancel").click()
    desk.open("#/audit?session=long-1")
    desk.page.locator("tbody").get_by_role("link").first.click()
    expect(told).to_be_visible()
    expect(desk.page.get_by_text("Judged anew")).to_have_count(0)


def test_the_focus_comes_back_from_a_question(house: HelioProcess, desk: Desk) -> None:
    call(house.mcp_url, "create_payment", {"amount": 950})
    desk.open("#/approvals")
    desk.page.get_by_role("button", name="Deny").click()
    dialog = desk.page.get_by_role("dialog")
    dialog.get_by_role("button", name="Cancel").click()
    expect(desk.page.get_by_role("button", name="Deny")).to_be_focused()
    desk.page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Deny").click()
    desk.sees("Nothing waits for you")
    expect(desk.page.locator("#main")).to_be_focused()


def test_a_reason_that_was_typed_outlasts_the_session(house: HelioProcess, desk: Desk) -> None:
    call(house.mcp_url, "create_payment", {"amount": 960})
    desk.open("#/approvals")
    desk.page.get_by_role("button", name="Deny").click()
    dialog = desk.page.get_by_role("dialog")
    dialog.get_by_label("Why").fill("Pay it from the other account.")

    def too_late(route: Route) -> None:
        # Not before the answer: any other question of the page would tell it, too.
        desk.context.clear_cookies()
        route.fulfill(status=401, json={"error": "the session is over"})

    desk.context.route("**/api/approvals/*/deny", too_late, times=1)
    dialog.get_by_role("button", name="Deny").click()
    desk.sees("Your session is over.")
    desk.page.get_by_label("Operator's secret").fill(house.secret)
    desk.page.get_by_role("button", name="Sign in").click()
    expect(desk.page.get_by_role("article")).to_contain_text('"amount": 960')
    desk.page.keyboard.press("d")
    expect(dialog.get_by_label("Why")).to_have_value("Pay it from the other account.")
    dialog.get_by_role("button", name="Deny").click()
    desk.sees("Nothing waits for you")
    desk.sees("Pay it from the other account.")


def test_whoever_signs_out_leaves_no_reason_to_the_next(house: HelioProcess, desk: Desk) -> None:
    call(house.mcp_url, "create_payment", {"amount": 965})
    desk.open("#/approvals")
    dialog = desk.page.get_by_role("dialog")
    for typed in ("", "Not by me."):
        desk.page.get_by_role("button", name="Deny").click()
        expect(dialog.get_by_label("Why")).to_have_value("")
        dialog.get_by_label("Why").fill(typed)
        dialog.get_by_role("button", name="Cancel").click()
    desk.page.get_by_role("button", name="Deny").click()
    expect(dialog.get_by_label("Why")).to_have_value("Not by me.")
    dialog.get_by_role("button", name="Cancel").click()
    desk.page.get_by_role("button", name="Sign out").click()
    desk.sees("You are signed out.")
    desk.page.get_by_label("Operator's secret").fill(house.secret)
    desk.page.get_by_role("button", name="Sign in").click()
    desk.page.get_by_role("button", name="Deny").click()
    expect(dialog.get_by_label("Why")).to_have_value("")


def test_whoever_listens_is_told_what_waits(house: HelioProcess, desk: Desk) -> None:
    told = desk.page.get_by_role("status", name="Calls that wait for a person")
    expect(told).to_have_text("")
    for amount, text in (970, "1 call waits"), (971, "2 calls wait"):
        call(house.mcp_url, "create_payment", {"amount": amount})
        expect(told).to_have_text(f"{text} for a person")


def test_deadlines_and_periods_are_those_of_helio_also_by_a_wrong_clock(
    house: HelioProcess, desk: Desk
) -> None:
    call(house.mcp_url, "create_payment", {"amount": 300})
    desk.context.add_init_script(AN_HOUR_AHEAD)
    desk.open("#/approvals")
    desk.page.reload()
    left = desk.page.get_by_role("article").get_by_role("timer")
    expect(left).to_contain_text("59:")
    desk.open("#/audit?period=15m&tool=create_payment")
    expect(desk.page.locator("tbody tr").first).to_be_visible()
    desk.open("#/analytics?period=15m")
    desk.sees("Half take at most")


def test_a_date_is_typed_like_any_other(desk: Desk) -> None:
    desk.open("#/audit?upstream=default")
    desk.page.get_by_label("From").focus()
    desk.page.keyboard.type("01022026030405AM")
    expect(desk.page.get_by_label("From")).to_have_value("2026-01-02T03:04:05")
    expect(desk.page.locator("tbody tr").first).to_be_visible()
    assert "from=2026-01-02T" in desk.page.url


def test_what_fails_for_a_while_comes_by_itself(house: HelioProcess, desk: Desk) -> None:
    call(house.mcp_url, "read_mail", session="late-1")
    failed: list[str] = []

    def loading(route: Route) -> None:
        path = route.request.url.split("?")[0]
        if path in failed:
            return route.continue_()
        failed.append(path)
        return route.fulfill(status=503, json={"error": "the index loads"})

    desk.context.route("**/api/audit?**", loading)
    desk.context.route("**/api/feed?**", loading)
    for address in ("#/audit?session=late-1", "#/live?find=late-1"):
        desk.open(address)
        desk.sees("the index loads")
        expect(desk.page.locator("tbody tr")).to_have_count(1)
        expect(desk.page.get_by_text("the index loads")).to_have_count(0)


def test_what_was_found_before_is_no_answer_to_another_question(
    house: HelioProcess, desk: Desk
) -> None:
    call(house.mcp_url, "read_mail", session="other-1")
    desk.open("#/audit?session=other-1")
    rows = desk.page.locator("tbody tr")
    expect(rows).to_have_count(1)
    desk.open("#/audit?session=other-1&from=yesterday")
    desk.sees("'yesterday' is not")
    expect(rows).to_have_count(0)


def test_an_older_answer_does_not_come_after_a_newer_one(house: HelioProcess, desk: Desk) -> None:
    held: list[tuple[Route, APIResponse]] = []

    def first_is_late(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append((route, route.fetch()))

    pending = "**/api/approvals?status=pending**"
    desk.page.goto("about:blank")  # what this page asked would be given up by going to another
    desk.context.route(pending, first_is_late)
    desk.open()
    until_held(desk.page, held)
    call(house.mcp_url, "create_payment", {"amount": 400})
    expect(desk.page.get_by_role("row").filter(has_text="waits").first).to_be_visible()
    route, old = held[0]
    with desk.page.expect_event("requestfinished", lambda asked: asked == route.request):
        route.fulfill(response=old)
    desk.page.evaluate(FRAMES)
    expect(desk.page).to_have_title("(1) Helio · Live")
    desk.page.get_by_role("button", name="Sign out").click()
    desk.sees("You are signed out.")
    expect(desk.page).to_have_title("Helio")


def until_held(page: Page, held: list[Any]) -> None:
    """Lets the browser go on until it asked."""
    while not held:
        page.evaluate(FRAMES)


def test_of_thousands_that_wait_the_most_urgent_is_first(house: HelioProcess, desk: Desk) -> None:
    call(house.mcp_url, "create_payment", {"amount": 600})
    (real,) = People(house).tickets(status="pending")
    newest_first = [
        {**real, "id": f"t{at}", "tool_input": {"at": at}, "timeout_at": f"2100-01-01T{at:06}"}
        for at in reversed(range(2345))
    ]

    def paged(route: Route) -> None:
        query = parse_qs(urlsplit(route.request.url).query)
        offset = int(query.get("offset", ["0"])[0])
        rows = newest_first[offset : offset + 1000]
        route.fulfill(json={"data": rows, "total": 2345, "limit": 1000, "offset": offset})

    desk.context.route("**/api/approvals?status=pending**", paged)
    desk.open("#/approvals")
    desk.page.reload()
    expect(desk.page).to_have_title("(2345) Helio · Approvals")
    queue = desk.page.get_by_role("navigation", name="Calls that wait")
    expect(queue.get_by_role("link").first).to_contain_text('{"at":0}')
    expect(queue.get_by_role("link")).to_have_count(200)
    expect(queue).to_contain_text("2,145 less urgent calls after these")
    desk.open("#/approvals/t2000")
    expect(queue.locator("[aria-current]")).to_contain_text('{"at":2000}')
    expect(queue).to_contain_text("1,900 more urgent calls before these")


def test_hundreds_of_rules_leave_room_for_what_stands_below_them(desk: Desk) -> None:
    def many(route: Route) -> None:
        response = route.fetch()
        told = response.json()
        (first, *_) = told["data"]["rules"]
        told["data"]["rules"] = [{**first, "index": at, "rule": f"r{at}"} for at in range(500)]
        route.fulfill(response=response, json=told)

    desk.context.route("**/api/policy", many)
    desk.open("#/policy")
    expect(desk.page.get_by_role("row").filter(has_text="r499")).to_have_count(1)
    assert desk.page.evaluate("document.documentElement.scrollHeight") < 5000


def test_a_long_queue_keeps_its_place_also_on_a_phone(house: HelioProcess, desk: Desk) -> None:
    for number in range(30):
        call(house.mcp_url, "create_payment", {"amount": 500 + number})
    desk.open("#/approvals")
    expect(desk.page.locator(".queue-item")).to_have_count(30)
    current = desk.page.locator(".queue-item[aria-current]")
    article = desk.page.get_by_role("article")
    for number in range(30):
        expect(current).to_contain_text(json.dumps({"amount": 500 + number}, separators=(",", ":")))
        desk.page.keyboard.press("j")
    expect(current).to_be_in_viewport()
    expect(article.get_by_role("button", name="Approve")).to_be_in_viewport()
    desk.page.set_viewport_size({"width": 360, "height": 800})
    desk.page.locator(".queue-item").nth(1).click()
    expect(article).to_contain_text('"amount": 501')
    expect(article.get_by_role("button", name="Approve")).to_be_in_viewport()
