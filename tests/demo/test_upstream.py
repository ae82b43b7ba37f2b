"""The demo upstream, as any client of the `mcp` library sees it."""

from pathlib import Path

import pytest
from mcp import Client

from helio.demo.shop import Shop
from helio.demo.upstream import build_server
from processes import end_process, start_demo_upstream


async def test_its_tools_say_what_they_do() -> None:
    async with Client(build_server(Shop())) as client:
        tools = {tool.name: tool.annotations for tool in (await client.list_tools()).tools}
    assert set(tools) == {
        "orders.lookup",
        "search_orders",
        "delete_order",
        "create_payment",
        "refund_payment",
        "list_payments",
        "read_mail",
        "send_mail",
    }
    hints = {name: hint for name, hint in tools.items() if hint is not None}
    assert set(hints) == set(tools)
    assert {name for name, hint in hints.items() if hint.read_only_hint} == {
        "orders.lookup",
        "search_orders",
        "list_payments",
        "read_mail",
    }
    assert {name for name, hint in hints.items() if hint.destructive_hint} == {
        "delete_order",
        "refund_payment",
    }


async def test_it_books_payments_and_refunds() -> None:
    async with Client(build_server(Shop())) as client:
        await client.call_tool("create_payment", {"order_id": 7, "amount": 120})
        await client.call_tool("refund_payment", {"payment_id": "p1"})
        booked = await client.call_tool("list_payments")
    assert booked.structured_content == {
        "result": [
            {"payment_id": "p1", "order_id": 7, "amount": 120, "currency": "GBP"},
            {"payment_id": "p2", "order_id": 7, "amount": -120, "currency": "GBP"},
        ]
    }


async def test_it_searches_deletes_and_sends() -> None:
    shop = Shop()
    async with Client(build_server(shop)) as client:
        found = await client.call_tool("search_orders", {"text": "DESK"})
        await client.call_tool("delete_order", {"order_id": 8})
        await client.call_tool("send_mail", {"to": "a@b.example", "subject": "s", "body": "b"})
        sent = await client.call_tool("read_mail", {"mail_id": "m2"})
    assert found.content[0].text == "order 7: standing desk\norder 8: desk lamp"  # type: ignore[union-attr]
    assert shop.orders[8].status == "deleted"
    assert sent.structured_content is not None
    assert sent.structured_content["to"] == "a@b.example"


@pytest.mark.parametrize(
    ("tool", "arguments", "text"),
    [
        ("orders.lookup", {"order_id": 99}, "There is no order 99."),
        ("delete_order", {"order_id": 99}, "There is no order 99."),
        ("create_payment", {"order_id": 99, "amount": 1}, "There is no order 99."),
        ("refund_payment", {"payment_id": "p9"}, "There is no payment p9."),
        ("read_mail", {"mail_id": "m9"}, "There is no message m9."),
    ],
)
async def test_what_is_not_there_is_a_tool_error(
    tool: str, arguments: dict[str, object], text: str
) -> None:
    async with Client(build_server(Shop())) as client:
        result = await client.call_tool(tool, arguments)
    assert result.is_error
    assert text in result.content[0].text  # type: ignore[union-attr]


@pytest.mark.end_to_end
async def test_as_a_process_it_takes_a_free_port_and_ends_on_sigterm(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process, url = start_demo_upstream(log)
    try:
        async with Client(url, mode="legacy") as client:
            order = await client.call_tool("orders.lookup", {"order_id": 7})
    finally:
        code = end_process(process)
    assert order.structured_content is not None
    assert order.structured_content["customer"] == "Ada Ferreira"
    assert code == 0
    assert log.read_text() == ""
