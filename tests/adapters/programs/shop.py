"""Tools of an agent's own process, for the programs beside this one."""

ORIGIN = "shop-agent"


def lookup_order(order_id: int) -> str:
    """Look up an order."""
    return f"order {order_id}: standing desk"


def refund_order(order_id: int) -> str:
    """Refund an order."""
    if order_id == 0:
        raise ValueError("there is no order 0")
    return f"order {order_id} is refunded"


def delete_order(order_id: int) -> str:
    """Delete an order."""
    raise AssertionError(f"order {order_id} was deleted, which nobody may do")
