"""The demo upstream: an MCP server on the `mcp` library with payment, order and mail tools.

`python -m helio.demo.upstream --port 0` serves streamable HTTP on loopback and prints its URL, one
line, once it accepts connections. Nothing of it is special to Helio.
Above it: the tour and the tests. Below it: `helio.demo.shop`.
"""

import argparse
import asyncio
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Annotated, Any, ParamSpec, TypeVar

import uvicorn
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import Field

from helio.demo.shop import Mail, Order, Payment, Shop, ShopError

LOOPBACK = "127.0.0.1"

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
ADDS = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
DESTROYS = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False
)
REACHES_OUT = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=True)

OrderId = Annotated[int, Field(ge=1, description="Number of the order")]
PaymentId = Annotated[str, Field(description="Identifier of the payment, as in p1")]
SearchText = Annotated[str, Field(description="Part of a customer's name or of the goods")]
Amount = Annotated[int, Field(ge=1, description="Amount in whole units of the currency")]
Currency = Annotated[str, Field(pattern="^[A-Z]{3}$", description="ISO 4217 code")]


def build_server(shop: Shop) -> MCPServer[Any]:
    """The MCP server that offers `shop`. Tools fail with the text of a `ShopError`."""
    server: MCPServer[Any] = MCPServer(
        "demo-shop", version="1", instructions="A small shop.", log_level="WARNING"
    )
    _add_orders(server, shop)
    _add_payments(server, shop)
    _add_mail(server, shop)
    return server


def _add_orders(server: MCPServer[Any], shop: Shop) -> None:
    @server.tool(name="orders.lookup", annotations=READS)
    @_shop_errors
    def lookup(order_id: OrderId) -> Order:
        """Look up one order by its number."""
        return shop.order(order_id)

    @server.tool(name="search_orders", annotations=READS, structured_output=False)
    def search(
        text: Annotated[str, Field(description="Part of a customer's name or goods")],
    ) -> str:
        """Search orders by customer or goods."""
        found = shop.search(text)
        return "\n".join(f"order {order.order_id}: {order.goods}" for order in found)

    @server.tool(name="delete_order", annotations=DESTROYS, structured_output=False)
    @_shop_errors
    def delete(order_id: OrderId) -> str:
        """Delete an order for good."""
        return f"Order {shop.delete(order_id).order_id} is deleted."


def _add_payments(server: MCPServer[Any], shop: Shop) -> None:
    @server.tool(name="create_payment", annotations=ADDS)
    @_shop_errors
    def pay(order_id: OrderId, amount: Amount, currency: Currency = "GBP") -> Payment:
        """Take a payment for an order."""
        return shop.pay(order_id, amount, currency)

    @server.tool(name="refund_payment", annotations=DESTROYS)
    @_shop_errors
    def refund(payment_id: PaymentId) -> Payment:
        """Pay a payment back in full."""
        return shop.refund(payment_id)

    @server.tool(name="list_payments", annotations=READS)
    def payments() -> list[Payment]:
        """List all payments and refunds, oldest first."""
        return shop.payments


def _add_mail(server: MCPServer[Any], shop: Shop) -> None:
    @server.tool(name="read_mail", annotations=READS)
    @_shop_errors
    def read(mail_id: Annotated[str, Field(description="Identifier of the message")]) -> Mail:
        """Read one message."""
        return shop.message(mail_id)

    @server.tool(name="send_mail", annotations=REACHES_OUT, structured_output=False)
    def send(to: str, subject: str, body: str) -> str:
        """Send a message."""
        return f"Sent as {shop.send(to, subject, body).mail_id}."


def _shop_errors(
    operation: Callable[Arguments, Result],
) -> Callable[Arguments, Result]:
    """The operation, whose `ShopError` becomes the tool's error text."""

    @wraps(operation)
    def tool(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        try:
            return operation(*args, **kwargs)
        except ShopError as error:
            raise ToolError(str(error)) from error

    return tool


async def serve(port: int) -> None:
    """Serves a new shop on loopback until SIGINT or SIGTERM; port 0 takes a free one."""
    listener = socket.create_server((LOOPBACK, port))
    application = build_server(Shop()).streamable_http_app(host=LOOPBACK)
    # Agents keep event streams open, and a shutdown must not wait for them.
    server = uvicorn.Server(
        uvicorn.Config(application, log_level="warning", timeout_graceful_shutdown=1)
    )
    sys.stdout.write(f"http://{LOOPBACK}:{listener.getsockname()[1]}/mcp\n")
    sys.stdout.flush()
    await server.serve(sockets=[listener])


def main() -> None:
    """The command line: `--port` (0 takes a free one)."""
    parser = argparse.ArgumentParser(description="The demo shop's MCP server.")
    parser.add_argument("--port", type=int, default=0)
    # uvicorn ends tidily on both signals and then raises the one it got again.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
