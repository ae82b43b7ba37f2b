"""What calls add up to, in a real browser: a day of them, and the part that somebody chooses."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser, Locator, expect

from end_to_end.browsing import Desk, Theme
from end_to_end.busy_day import write_day
from end_to_end.looking import THEMES, WIDTHS, look
from end_to_end.recording import Recorder
from processes import HelioFactory, HelioProcess

pytestmark = pytest.mark.end_to_end

MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script>"
BEGUN = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=24)
DAY = f"from={BEGUN:%Y-%m-%dT%H:00:00.000Z}&to={BEGUN + timedelta(hours=24):%Y-%m-%dT%H:00:00.000Z}"


@pytest.fixture(scope="module")
def day(
    shared_helio: HelioFactory, shared_recorder: Recorder, tmp_path_factory: pytest.TempPathFactory
) -> HelioProcess:
    """A Helio that has seen a day of calls."""
    audit = tmp_path_factory.mktemp("audit")
    with ThreadPoolExecutor(1) as apart:  # The browser's driver has this thread's event loop.
        apart.submit(
            lambda: asyncio.run(write_day(audit, BEGUN, tool=MARKUP, agent=MARKUP))
        ).result()
    served = shared_helio(f"audit: {{ path: '{audit}' }}", upstream=shared_recorder.url)
    return served.wait_for_index()


def asked(desk: Desk) -> dict[str, str]:
    """What the address asks for."""
    query = desk.page.url.partition("?")[2]
    return {name: value for name, (value,) in parse_qs(query).items()}


def total(desk: Desk, name: str) -> Locator:
    """One of the sums above the charts."""
    return desk.page.locator(".total").filter(has=desk.page.get_by_text(name, exact=True))


def choose(desk: Desk, title: str, begin: float, end: float) -> None:
    """Drags over a part of a chart; shares of its width."""
    chart = desk.page.get_by_role("img", name=title).locator(".u-over")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    desk.page.mouse.move(box["x"] + begin * box["width"], middle)
    desk.page.mouse.down()
    desk.page.mouse.move(box["x"] + (begin + end) / 2 * box["width"], middle)
    desk.page.mouse.move(box["x"] + end * box["width"], middle)
    desk.page.mouse.up()


def test_a_part_of_a_day_is_chosen_on_a_chart_and_the_rest_follows(
    day: HelioProcess, browser: Browser
) -> None:
    desk = Desk(browser, day)
    desk.sign_in()
    desk.open(f"#/analytics?{DAY}")
    whole = day.ask(f"/api/analytics?{DAY}")
    expect(total(desk, "Calls")).to_contain_text(str(whole["total"]))
    expect(total(desk, "Spent")).to_contain_text(f"{whole['spend']['EUR']['total']} EUR")
    choose(desk, "Calls over time", 14.5 / 24, 15.5 / 24)
    desk.sees("Numbers and tables are of")
    chosen = asked(desk)
    begin, end = (datetime.fromisoformat(chosen[name]) for name in ("since", "until"))
    assert timedelta(minutes=45) <= end - begin <= timedelta(minutes=105)
    assert {begin.minute % 15, begin.second, end.minute % 15, end.second} == {0}
    part = day.ask(f"/api/analytics?from={chosen['since']}&to={chosen['until']}")
    assert 0 < part["total"] < whole["total"]
    expect(total(desk, "Calls").locator("dd")).to_have_text(str(part["total"]))
    reasons = desk.page.get_by_role("region", name="Blocks by reason")
    row = reasons.get_by_role("row").filter(has_text="rate limited")
    expect(row.get_by_role("cell").nth(1)).to_have_text(
        str(part["by_block_reason"]["rate_limited"])
    )
    desk.page.reload()
    expect(total(desk, "Calls").locator("dd")).to_have_text(str(part["total"]))
    desk.page.get_by_role("link", name="rate limited").click()
    expect(total(desk, "Calls").locator("dd")).to_have_text(
        str(part["by_block_reason"]["rate_limited"])
    )
    assert asked(desk)["reason"] == "rate_limited"
    desk.page.go_back()
    expect(total(desk, "Calls").locator("dd")).to_have_text(str(part["total"]))
    desk.page.get_by_role("link", name="See these calls").click()
    expect(desk.page.get_by_role("heading", name="Audit")).to_be_visible()
    desk.sees(f"of {part['total']} rows")
    desk.page.go_back()
    desk.page.get_by_role("button", name="All of the time").click()
    expect(total(desk, "Calls").locator("dd")).to_have_text(str(whole["total"]))
    desk.close()


def test_charts_are_tables_too_markup_is_text_and_all_of_it_looks_well(
    day: HelioProcess, browser: Browser
) -> None:
    desk = Desk(browser, day)
    desk.sign_in()
    desk.open(f"#/analytics?{DAY}")
    desk.page.get_by_role("link", name=MARKUP).first.wait_for()
    assert desk.page.locator("main img, main script").count() == 0
    desk.page.locator("summary", has_text="As a table").first.click()
    table = desk.page.get_by_role("region", name="Calls as a table")
    steps = day.ask(f"/api/analytics?{DAY}&step=15m")["per_step"]
    expect(table.locator("tbody tr")).to_have_count(len(steps))
    shown = [int(text) for text in table.locator("tbody td:nth-child(2)").all_inner_texts()]
    assert shown == [step["total"] for step in steps]
    desk.page.get_by_role("combobox", name="of", exact=True).select_option("proxy_compute")
    desk.page.get_by_role("img", name="Latency of Helio itself").wait_for()
    assert asked(desk)["of"] == "proxy_compute"
    desk.page.get_by_role("link", name=MARKUP).first.click()
    expect(total(desk, "Calls").locator("dd")).to_have_text("1")
    expect(desk.page.get_by_role("searchbox", name="Tool")).to_have_value(MARKUP)
    desk.page.get_by_role("link", name="Clear").click()
    desk.page.get_by_role("combobox", name="Time").select_option("7d")
    expect(desk.page.locator(".total").first).to_be_visible()
    assert asked(desk) == {"period": "7d"}
    desk.close()
    for theme in THEMES:
        see(Desk(browser, day, theme=theme, checked=True), theme)


def see(desk: Desk, theme: Theme) -> None:
    """Looks at a day, three hours of which are chosen, at every width."""
    desk.sign_in()
    since, until = (f"{BEGUN + timedelta(hours=each):%Y-%m-%dT%H:00:00.000Z}" for each in (14, 17))
    desk.open(f"#/analytics?period=24h&since={since}&until={until}")
    desk.sees("Blocks by reason")
    for width in WIDTHS:
        # The middle one is laid out as one of the others.
        look(desk, "analytics", theme, width=width, checked=width != WIDTHS[1])
    desk.close()


def test_there_is_nothing_a_time_that_is_none_and_a_helio_that_does_not_answer(
    day: HelioProcess, browser: Browser
) -> None:
    desk = Desk(browser, day)
    desk.sign_in()
    desk.open("#/analytics?agent=nobody")
    desk.sees("No calls in this time")
    desk.open("#/analytics?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z")
    expect(desk.page.get_by_role("alert")).to_contain_text("There is no time between")
    desk.context.route("**/api/analytics*", lambda route: route.abort())
    desk.open("#/analytics?period=1h&agent=nobody")
    expect(desk.page.get_by_role("alert")).to_contain_text("Helio does not answer.")
    desk.context.unroute("**/api/analytics*")
    desk.page.get_by_role("button", name="Try again").click()
    desk.sees("No calls in this time")
    desk.close()
