"""The demo upstream's world: a shop's orders, payments and mail, in memory and the same every time.

Above it: `helio.demo.upstream`, which offers these operations as MCP tools. Pure.
"""

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Order:
    """An order: `total` in whole pounds, `status` open or deleted."""

    order_id: int
    customer: str
    goods: str
    total: int
    status: str


@dataclass(frozen=True)
class Payment:
    """A payment or, where `amount` is negative, a refund. Whole units of `currency`."""

    payment_id: str
    order_id: int
    amount: int
    currency: str


@dataclass(frozen=True)
class Mail:
    """A message, received or sent."""

    mail_id: str
    sender: str
    to: str
    subject: str
    body: str


class ShopError(Exception):
    """An operation that the shop refuses; the text is for the one who asked."""


def _orders() -> dict[int, Order]:
    orders = [
        Order(7, "Ada Ferreira", "standing desk", 470, "open"),
        Order(8, "Noor Haddad", "desk lamp", 45, "open"),
        Order(9, "Ines Okafor", "office chair", 310, "open"),
    ]
    return {order.order_id: order for order in orders}


def _inbox() -> list[Mail]:
    question = "Hello, may I pay for order 7 in parts?"
    return [Mail("m1", "ada@customer.example", "support@shop.example", "My desk", question)]


@dataclass
class Shop:
    """One shop. Identifiers count up, so that the same calls give the same answers."""

    orders: dict[int, Order] = field(default_factory=_orders)
    payments: list[Payment] = field(default_factory=list)
    mail: list[Mail] = field(default_factory=_inbox)

    def order(self, order_id: int) -> Order:
        """The order. Raises `ShopError` when there is none."""
        if order_id not in self.orders:
            raise ShopError(f"There is no order {order_id}.")
        return self.orders[order_id]

    def search(self, text: str) -> list[Order]:
        """The orders whose customer or goods hold `text`, case aside."""
        wanted = text.casefold()
        return [
            order
            for order in self.orders.values()
            if wanted in order.customer.casefold() or wanted in order.goods.casefold()
        ]

    def delete(self, order_id: int) -> Order:
        """Marks the order as deleted. Raises `ShopError` when there is none."""
        self.orders[order_id] = replace(self.order(order_id), status="deleted")
        return self.orders[order_id]

    def pay(self, order_id: int, amount: int, currency: str) -> Payment:
        """Takes a payment. Raises `ShopError` when there is no such order."""
        self.order(order_id)
        return self._book(order_id, amount, currency)

    def refund(self, payment_id: str) -> Payment:
        """Pays a payment back. Raises `ShopError` when there is no such payment."""
        for payment in self.payments:
            if payment.payment_id == payment_id:
                return self._book(payment.order_id, -payment.amount, payment.currency)
        raise ShopError(f"There is no payment {payment_id}.")

    def message(self, mail_id: str) -> Mail:
        """The message. Raises `ShopError` when there is none."""
        for mail in self.mail:
            if mail.mail_id == mail_id:
                return mail
        raise ShopError(f"There is no message {mail_id}.")

    def send(self, to: str, subject: str, body: str) -> Mail:
        """Sends a message (it goes nowhere; it is only kept)."""
        mail_id = f"m{len(self.mail) + 1}"
        mail = Mail(mail_id, "support@shop.example", to, subject, body)
        self.mail.append(mail)
        return mail

    def _book(self, order_id: int, amount: int, currency: str) -> Payment:
        payment = Payment(f"p{len(self.payments) + 1}", order_id, amount, currency)
        self.payments.append(payment)
        return payment
