"""Every page of the dashboard, in both themes and at three widths: nothing serious for those who
cannot see or point, nothing beyond the edge. With `HELIO_SCREENSHOTS=1` the pictures of
docs/dashboard.md are taken anew, with a directory's name all of them, there."""

import pytest
from playwright.sync_api import Browser, expect

from end_to_end.browsing import Desk
from end_to_end.looking import THEMES, WIDTHS, look
from end_to_end.recording import Recorder
from end_to_end.wire import call
from processes import HelioFactory, HelioProcess

pytestmark = pytest.mark.end_to_end

RULES = """
environment: production
approval: { mode: return, timeout: 1h }
policies:
  rules:
    - { name: large-payments, match: { tool: create_payment, input: { amount: { gt: 100 } } },
        action: require_approval }
    - { name: private-mail, match: { tool: read_mail }, action: deny,
        feedback: { message: Mail is private. , suggestion: Ask the customer instead. } }
    - { name: few-deletions, match: { tool: delete_order }, limits: { max_calls: 3, window: 1h } }
budgets:
  - { name: payments, limit: 150, currency: EUR, window: 24h, key: session,
      contributors: [{ match: { tool: create_payment }, field: amount }] }
"""
PAGES = {
    "live": "create_payment",
    "approvals": "create_payment",
    "audit": "create_payment",
    "record": "Mail is private.",
    "limits": "few-deletions",
    "ledger": "12.5 EUR",
    "policy": "private-mail",
    "tools": "read_mail",
}
"""What each of them shows once it is drawn."""


def traffic(process: HelioProcess) -> str:
    """A little of everything; the id of a row to look at."""
    for number in range(8):
        paid = {"amount": 12.5 + number, "to": "ACME Ltd.", "order": 4100 + number}
        call(process.mcp_url, "create_payment", paid, session="ticket-381")
        call(process.mcp_url, "delete_order", {"order": 4100 + number}, session="ticket-377")
    denied = call(process.mcp_url, "read_mail", {"folder": "inbox"}, session="ticket-381")
    for amount in (740, 1900):
        paid = {"amount": amount, "to": "ACME Ltd.", "order": 4200}
        call(process.mcp_url, "create_payment", paid, session="ticket-381")
    return str(denied.blocked["call_id"])


@pytest.fixture(scope="module")
def seen(shared_helio: HelioFactory, shared_recorder: Recorder) -> tuple[HelioProcess, str]:
    """A Helio that has seen a little of everything, and the id of a row to look at."""
    process = shared_helio(RULES, upstream=shared_recorder.url).wait_for_index()
    return process, traffic(process)


def address(page: str, row: str) -> str:
    return {"record": f"#/audit/{row}", "ledger": "#/limits/payments"}.get(page, f"#/{page}")


def test_every_page_in_both_themes_and_at_three_widths(
    seen: tuple[HelioProcess, str], browser: Browser
) -> None:
    process, row = seen
    for theme in THEMES:
        desk = Desk(browser, process, theme=theme, checked=True)
        desk.open()
        look(desk, "sign-in", theme)
        desk.sign_in()
        for page, shown in PAGES.items():
            desk.open(address(page, row))
            desk.sees(shown)
            for width in WIDTHS:
                # The middle one is laid out as one of the others.
                look(desk, page, theme, width=width, checked=width != WIDTHS[1])
            if page not in ("record", "ledger"):
                expect(desk.page.locator(".tab[aria-current]")).to_be_in_viewport(ratio=0.99)
        desk.open("#/approvals")
        desk.page.get_by_role("button", name="Break glass").click()
        desk.page.get_by_role("dialog").wait_for()
        look(desk, "dialog", theme)
        desk.close()


def test_everything_is_reached_by_keyboard(
    seen: tuple[HelioProcess, str], browser: Browser
) -> None:
    process, _ = seen
    desk = Desk(browser, process)
    desk.sign_in()
    desk.open("#/approvals")
    desk.sees("2 calls waiting")
    desk.page.reload()
    desk.sees("2 calls waiting")
    desk.page.keyboard.press("Tab")
    focused = "document.activeElement.textContent"
    assert desk.page.evaluate(focused) == "Skip to the page"
    desk.page.keyboard.press("Enter")
    assert desk.page.evaluate("document.activeElement.id") == "main"
    first = desk.page.locator(".queue-item[aria-current]").inner_text()
    desk.page.keyboard.press("j")
    desk.page.wait_for_function(
        "first => document.querySelector('.queue-item[aria-current]').innerText !== first",
        arg=first,
    )
    desk.page.keyboard.press("k")
    desk.page.keyboard.press("d")
    desk.page.get_by_role("dialog").wait_for()
    desk.page.keyboard.press("Escape")
    desk.page.get_by_role("dialog").wait_for(state="detached")
    assert desk.page.evaluate("location.hash").startswith("#/approvals/")
    desk.close()
