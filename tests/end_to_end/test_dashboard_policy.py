"""The dashboard's policy and tools, in a real browser."""

import re
import threading

import pytest
from playwright.sync_api import Route, expect

from end_to_end.browsing import Sit
from end_to_end.looking import look
from end_to_end.recording import TOOLS, Recorder
from end_to_end.wire import call
from processes import HelioFactory, HelioProcess

pytestmark = pytest.mark.end_to_end

RULES = """
policies:
  install:
    rules:
      - { name: ours, match: { kind: package, name: '@acme/*' }, action: allow }
      - { name: skills, match: { kind: skill }, action: require_approval }
  rules:
    - { name: large, match: { tool: create_payment, input: { amount: { gt: 100 } } },
        action: require_approval }
    - { name: no-mail, match: { tool: read_mail }, action: deny,
        feedback: { message: Mail is private. } }
"""
DRIFTING = "policies: { on_tool_drift: require_approval, tool_revalidation: { interval: 200ms } }\n"

SOONER = """
const usual = setInterval;
window.setInterval = (ask, ms) => usual(ask, ms === 5000 ? 200 : ms);
"""
"""Has a page ask at once how Helio is, which it asks every five seconds."""


def test_rules_have_their_hits_and_calls_are_tried(
    helio: HelioFactory, recorder: Recorder, sit: Sit
) -> None:
    process = helio(RULES, upstream=recorder.url).wait_for_index()
    call(process.mcp_url, "read_mail")
    desk = sit(process)
    desk.sign_in()
    desk.page.get_by_role("link", name="Policy").click()
    row = desk.page.get_by_role("row").filter(has_text="no-mail")
    expect(row.get_by_role("cell").nth(4)).to_have_text("1")
    picture = desk.page.get_by_role("img", name="The rules as a picture")
    expect(picture).to_contain_text("input $.amount: { gt: 100 }")
    expect(picture).to_contain_text("1 hit")
    for shown in ("installation", "install rule 0: ours", "else, by policies.install.default"):
        expect(picture).to_contain_text(shown)
    desk.page.get_by_text("The same as text").click()
    skills = desk.page.get_by_role("listitem").filter(has_text="install rule 1: skills;")
    expect(skills).to_contain_text("then: ask a person")
    expect(skills).not_to_contain_text("hit")
    expect(desk.page.get_by_text("rule 1: no-mail; tool: read_mail")).to_contain_text("then: deny")
    box = desk.page.get_by_label("A call, as helio explain takes it")
    box.fill('{"tool": "create_payment", "arguments": {"amount": "5000"}}')
    desk.page.get_by_role("button", name="Explain").click()
    told = desk.page.get_by_role("article")
    expect(told).to_contain_text("indeterminate")
    expect(told).to_contain_text("input $.amount: { gt: 100 }")
    box.fill("{")
    desk.page.get_by_role("button", name="Explain").click()
    expect(desk.page.get_by_role("alert")).to_contain_text("byte 1")
    text = process.config.read_text()
    process.config.write_text(text.replace("gt: 100", "gtt: 100"))
    refused = desk.page.get_by_role("alert", name="The saved file has faults")
    expect(refused).to_contain_text("unknown operator gtt")
    expect(refused).to_contain_text("did you mean `gt`?")
    never = "    - { name: never, match: { tool: read_mail }, action: deny }"
    process.config.write_text(text.replace("no-mail", "no-mail-at-all") + never)
    expect(desk.page.get_by_role("row").filter(has_text="no-mail-at-all")).to_be_visible()
    expect(refused).to_have_count(0)
    desk.sees("2 findings about the loaded file")


def test_what_must_be_seen_is_on_every_page_until_it_is_mended(
    helio: HelioFactory, recorder: Recorder, sit: Sit
) -> None:
    process = helio(RULES, upstream=recorder.url)
    desk = sit(process)
    desk.page.add_init_script(SOONER)
    desk.sign_in()
    banner = desk.page.get_by_role("status", name="What needs an eye now")
    expect(banner).to_have_text("")
    text = process.config.read_text()
    process.config.write_text(text.replace("gt: 100", "gtt: 100"))
    for page in ("live", "approvals", "audit", "analytics", "limits", "tools"):
        desk.page.evaluate(f"location.hash = '#/{page}'")
        expect(banner).to_contain_text("The saved policy was not taken.")
    banner.get_by_role("link", name="What is wrong").click()
    desk.page.get_by_role("alert", name="The saved file has faults").wait_for()
    expect(banner).to_have_text("")
    desk.page.go_back()
    expect(banner).to_contain_text("The saved policy was not taken.")
    process.config.write_text(text)
    expect(banner).to_have_text("")

    def worse(route: Route) -> None:
        told = process.ask("/api/health")
        told["audit"] |= {"available": False, "disk_nearly_full": True, "index": "unavailable"}
        told["upstreams"]["default"]["status"] = "down"
        route.fulfill(status=503, json={**told, "uptime_seconds": 1})

    desk.context.route("**/api/health", worse)
    expect(banner).to_contain_text("The audit cannot be written.")
    expect(banner).to_contain_text("The disk of the audit is nearly full.")
    expect(banner).to_contain_text("The audit cannot be asked.")
    expect(banner).to_contain_text("The upstream default is down.")


@pytest.fixture(scope="module")
def used(shared_helio: HelioFactory, shared_recorder: Recorder) -> HelioProcess:
    """A Helio with three payments behind it."""
    process = shared_helio(RULES, upstream=shared_recorder.url).wait_for_index()
    for amount in (1, 2, 50):
        call(process.mcp_url, "create_payment", {"amount": amount})
    return process


def test_another_policy_is_tried_on_what_was_recorded(used: HelioProcess, sit: Sit) -> None:
    process = used
    desk = sit(process)
    desk.sign_in()
    desk.page.get_by_role("link", name="Policy").click()
    tried = desk.page.get_by_label("A helio.yaml to try")
    text = process.config.read_text()
    tried.fill(text.replace("gt: 100", "gt: 10"))
    desk.page.get_by_role("button", name="Replay").click()
    report = desk.page.get_by_role("article", name="What would have changed")
    expect(report).to_contain_text("3 calls judged: 1 decided otherwise.")
    expect(report).to_contain_text("allow (default) → approval pending (large)")
    tried.fill(text.replace("gt: 100", "gtt: 100"))
    desk.page.get_by_role("button", name="Replay").click()
    wrong = desk.page.get_by_role("alert")
    expect(wrong).to_contain_text("policy.yaml:")
    expect(wrong).to_contain_text("did you mean `gt`?")
    tried.fill("")
    desk.page.get_by_role("button", name="Replay").click()
    expect(report).to_contain_text("3 calls judged: none decided otherwise.")


def test_a_replay_says_how_far_it_is_and_is_cancelled(used: HelioProcess, sit: Sit) -> None:
    desk = sit(used)
    begun: list[Route] = []

    def slow(route: Route) -> None:
        match route.request.method:
            case "POST":
                begun.append(route)
            case "GET":
                shown = {"seconds": 7.2, "progress": "1,000 of 2,000 calls"}
                route.fulfill(json={"data": shown if begun else None})
            case _:
                route.fulfill(json={"ok": True})
                begun.pop().fulfill(status=409, json={"error": "the replay was cancelled"})

    desk.context.route("**/api/policy/replay", slow)
    desk.sign_in()
    desk.open("#/policy")
    desk.page.get_by_role("button", name="Replay").click()
    desk.sees("Judging for 7 seconds: 1,000 of 2,000 calls")
    desk.page.get_by_role("button", name="Cancel").click()
    expect(desk.page.get_by_role("alert")).to_contain_text("the replay was cancelled")
    expect(desk.page.get_by_role("button", name="Replay")).to_be_enabled()


def test_a_tool_that_drifted_is_accepted(helio: HelioFactory, recorder: Recorder, sit: Sit) -> None:
    said = "Pays whoever the agent names."
    process = helio(DRIFTING, upstream=recorder.url)
    desk = sit(process, checked=True)
    desk.sign_in()
    desk.page.get_by_role("link", name="Tools").click()
    row = desk.page.get_by_role("row").filter(has_text="create_payment")
    expect(row).to_contain_text("accepted")
    recorder.tools = [TOOLS[0] | {"description": said}, *TOOLS[1:]]
    expect(row).to_contain_text("description")
    desk.sees("1 tool is not what was accepted.")
    changed = desk.page.get_by_role("region", name="What changed of create_payment")
    expect(changed.locator(".line-added")).to_have_text(f'+  "description": "{said}",')
    assert changed.inner_text().splitlines()[1:3] == [" {", f'+  "description": "{said}",']
    expect(changed).to_contain_text(f'+  "description": "{said}",')
    look(desk, "drift", "light")
    threading.Thread(target=call, args=(process.mcp_url, "create_payment"), daemon=True).start()
    expect(desk.page).to_have_title(re.compile(r"^\(1\) Helio"))
    desk.open("#/approvals")
    expect(changed).to_contain_text(f'+  "description": "{said}",')
    desk.page.get_by_role("button", name="Deny").click()
    desk.page.get_by_role("dialog").get_by_role("button", name="Deny").click()
    desk.sees("Nothing waits for you")
    desk.open("#/tools")
    row.get_by_role("button", name="Accept").click()
    dialog = desk.page.get_by_role("dialog")
    expect(dialog).to_contain_text(f'"description": "{said}"')
    dialog.get_by_role("button", name="Accept").click()
    expect(row).to_contain_text("accepted")
    assert call(process.mcp_url, "create_payment").blocked is None
