"""A record of the dashboard, and what tells people of calls that wait, in a real browser."""

import pytest
from playwright.sync_api import expect

from end_to_end.browsing import Sit
from end_to_end.recording import Recorder
from end_to_end.wire import call
from processes import HelioFactory

pytestmark = pytest.mark.end_to_end

RULES = """
approval: { mode: return }
policies:
  rules:
    - { name: deletions, match: { tool: delete_order }, evidence: { requires: [read_mail] } }
    - { name: large, match: { tool: create_payment, input: { amount: { gt: 100 } } },
        action: require_approval }
budgets:
  - { name: payments, limit: 1000, currency: EUR, window: 24h, key: session,
      contributors: [{ match: { tool: create_payment }, field: amount }] }
"""
NOTED = """
globalThis.Notification = class {
  static permission = "granted";
  constructor(title, { body }) { (globalThis.noted ??= []).push(`${title}: ${body}`); }
};
"""


def test_a_record_says_why_what_it_rests_on_and_where_the_time_went(
    helio: HelioFactory, recorder: Recorder, sit: Sit
) -> None:
    process = helio(RULES, upstream=recorder.url).wait_for_index()
    call(process.mcp_url, "read_mail", session="s1")
    big = {"order": 12345678901234567890}
    assert call(process.mcp_url, "delete_order", big, session="s1").blocked is None
    (row,) = process.ask("/api/audit?tool=delete_order")["data"]
    desk = sit(process)
    desk.sign_in()
    desk.open(f"#/audit/{row['id']}")
    rests = desk.page.locator(".card").filter(has_text="What it rests on")
    expect(rests).to_contain_text("read_mail")
    expect(desk.page.get_by_role("img", name="Of ")).to_be_visible()
    explained = desk.page.get_by_role("region", name="The decision, explained")
    expect(explained).to_contain_text("tool: delete_order")
    expect(explained).to_contain_text("met")
    expect(explained).not_to_contain_text("another one ran then")
    rests.get_by_role("link").click()
    expect(desk.page.get_by_role("heading", name="read_mail")).to_be_visible()
    text = process.config.read_text()
    process.config.write_text(text.replace("name: deletions,", "name: deleting,"))
    desk.open("#/policy")
    expect(desk.page.get_by_role("row").filter(has_text="deleting")).to_be_visible()
    desk.open(f"#/audit/{row['id']}")
    expect(explained).to_contain_text("another one ran then")
    expect(explained).to_contain_text("deleting")


def test_who_looks_elsewhere_is_told_of_a_call_that_waits(
    helio: HelioFactory, recorder: Recorder, sit: Sit
) -> None:
    process = helio(RULES, upstream=recorder.url).wait_for_index()
    call(process.mcp_url, "create_payment", {"amount": 60}, session="s1")
    desk = sit(process)
    desk.context.add_init_script(NOTED)
    desk.sign_in()
    desk.sees("create_payment")
    desk.page.evaluate(
        "Object.defineProperty(document, 'visibilityState', { get: () => 'hidden' })"
    )
    call(process.mcp_url, "create_payment", {"amount": 700}, session="s1")
    expect(desk.page).to_have_title("(1) Helio · Live")
    desk.page.wait_for_function("globalThis.noted?.length === 1")
    assert desk.page.evaluate("noted") == ["A call waits for you: create_payment"]
    desk.page.get_by_role("link", name="Approvals").click()
    ticket = desk.page.get_by_role("article")
    expect(ticket.get_by_role("meter")).to_have_attribute("aria-valuenow", "6")
    expect(ticket).to_contain_text("60 / 1000")
