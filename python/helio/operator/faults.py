"""What the operator port answers when it does not do what it was asked: `{"error": "…"}`.

Above: everything in `helio.operator`. Below: aiohttp.
"""

from collections.abc import Mapping

from aiohttp import web


class Refused(Exception):
    """A request that is not answered as asked: raised by a handler, answered by the middleware.

    `more` stands beside `error` in the answer; `headers` are added to it.
    """

    def __init__(
        self,
        status: int,
        text: str,
        *,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.headers = headers or {}
        self.more = more or {}

    def answer(self) -> web.Response:
        """Its answer."""
        shown = {"error": self.text, **self.more}
        return web.json_response(shown, status=self.status, headers=self.headers)


def fault(status: int, text: str) -> web.Response:
    """An error as every path of the operator port answers it: `{"error": "…"}`."""
    return Refused(status, text).answer()
