"""How full limits and budgets are, in a real browser: found, counted down, and charge by charge."""

import re

import pytest
from playwright.sync_api import Browser, expect

from end_to_end.browsing import Desk
from end_to_end.recording import Recorder
from end_to_end.wire import call
from processes import HelioFactory

pytestmark = pytest.mark.end_to_end

MARKUP = "<script>alert(1)</script>"
CHARGES = 53
RULES = """
policies:
  rules:
    - name: often
      match: { tool: delete_order }
      limits: { max_calls: 2, window: 1h, key: session }
budgets:
  - { name: transfers, limit: 12345678901234567890, currency: EUR, window: 24h,
      contributors: [{ match: { tool: create_payment }, field: amount }] }
  - { name: pots, limit: 1000, currency: USD, window: session, idle_ttl: 2h, key: session,
      contributors: [{ match: { tool: create_payment }, amount: 0.05 }] }
"""


def test_windows_are_found_and_counted_down(
    helio: HelioFactory, recorder: Recorder, browser: Browser
) -> None:
    process = helio(RULES, upstream=recorder.url).wait_for_index()
    desk = Desk(browser, process)
    desk.sign_in()
    desk.open("#/limits")
    desk.sees("Nothing counts now.")
    for session in ("s1", "s1", "s2", MARKUP):
        call(process.mcp_url, "delete_order", session=session)
    call(process.mcp_url, "create_payment", {"amount": 11345678901234567890}, session="s1")
    cards = desk.page.locator(".card")
    often = cards.filter(has_text="often")
    expect(often.get_by_role("listitem")).to_have_count(3)
    first = often.get_by_role("listitem").first
    expect(first).to_contain_text("session=s1")
    expect(first).to_contain_text("full")
    expect(first.get_by_role("meter")).to_have_attribute("aria-valuetext", "2 of 2 calls")
    timer = first.get_by_role("timer")
    expect(timer).to_have_text(re.compile(r"^(59|60):\d\d$|^1:00:00$"))
    expect(timer).not_to_have_text(timer.inner_text())
    large = cards.filter(has_text="transfers")
    expect(large).to_contain_text("11345678901234567890 / 12345678901234567890")
    expect(large).to_contain_text("nearly full")
    expect(large.locator(".bucket-key")).to_have_text("all")
    expect(cards.filter(has_text="pots")).to_contain_text("Empty, unless it is charged, in 1:59:")
    expect(often.get_by_text(MARKUP)).to_be_visible()  # Agents choose what sessions are called.
    assert desk.page.locator("main script").count() == 0
    find = desk.page.get_by_role("searchbox", name="Find")
    find.fill("session=S2")
    expect(cards).to_have_count(1)
    expect(often.get_by_role("listitem")).to_have_count(1)
    desk.page.reload()
    expect(find).to_have_value("session=S2")
    expect(cards).to_have_count(1)
    find.fill("nothing of that name")
    desk.sees("Nothing is called that")
    find.fill("POT")
    expect(cards).to_have_count(1)
    desk.close()


def test_a_ledger_has_pages_and_is_exported_as_it_is_filtered(
    helio: HelioFactory, recorder: Recorder, browser: Browser
) -> None:
    process = helio(RULES, upstream=recorder.url).wait_for_index()
    for number in range(CHARGES):
        session = "odd" if number % 2 else "even"
        call(process.mcp_url, "create_payment", {"amount": number + 1}, session=session)
    desk = Desk(browser, process)
    desk.sign_in()
    desk.open("#/limits")
    desk.page.get_by_role("link", name="Ledger of transfers").click()
    expect(desk.page.get_by_role("heading", name="transfers")).to_be_visible()
    rows = desk.page.locator("tbody tr")
    expect(rows).to_have_count(50)
    expect(rows.first).to_contain_text(f"{CHARGES} EUR")
    desk.page.get_by_role("link", name="Older").click()
    expect(rows).to_have_count(CHARGES - 50)
    desk.sees(f"of {CHARGES} charges")
    call(process.mcp_url, "create_payment", {"amount": 1000}, session="odd")
    desk.page.get_by_role("link", name="Newer").click()
    expect(rows.first).to_contain_text("1000 EUR")
    call(process.mcp_url, "create_payment", {"amount": 2000}, session=MARKUP)
    expect(rows.first).to_contain_text("2000 EUR")
    expect(rows.first).to_contain_text(MARKUP)
    assert desk.page.locator("main script").count() == 0
    desk.page.get_by_role("searchbox", name="Session").fill("even")
    desk.page.keyboard.press("Enter")
    expect(rows).to_have_count((CHARGES + 1) // 2)
    with desk.page.expect_download() as download:
        desk.page.get_by_role("link", name="CSV").click()
    assert download.value.path().read_text().count("create_payment") == (CHARGES + 1) // 2
    desk.page.get_by_role("searchbox", name="Session").fill("nobody")
    desk.page.keyboard.press("Enter")
    desk.sees("No charge is like that")
    desk.close()
