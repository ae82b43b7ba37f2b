"""`/api/auth`: operators sign in with the secret, and out.

Above: `helio.operator.api`. Below: `access`, `body`.
"""

import math
from datetime import UTC, datetime, timedelta

from aiohttp import web

from helio.operator.access import OPERATOR, SESSION_PATH, Access, Operator, is_plain_loopback
from helio.operator.body import read_object, text_of
from helio.operator.sessions import SignedIn


def sign_in_routes(access: Access) -> list[web.RouteDef]:
    """`POST` opens a session: `{"data": {by, csrf_token, expires_at}}` and its cookie; `GET` says
    the same of the one that there is; `POST /api/auth/logout` ends it: `{"ok": true}`.

    In open mode, and by the secret itself, there is no session: token and end are null.
    """

    async def sign_in(request: web.Request) -> web.Response:
        if access.secret is None:
            return _shown(Operator("open"))
        body = await read_object(request, {"secret"})
        await access.check_secret(request, text_of(body, "secret"))
        cookie, session = access.sessions.open()
        response = _shown(Operator("cookie", cookie, session))
        response.set_cookie(
            access.cookie,
            cookie,
            max_age=math.floor(session.seconds_left),
            path="/api",
            httponly=True,
            samesite="Strict",
            secure=not is_plain_loopback(request),
        )
        return response

    async def session(request: web.Request) -> web.Response:
        return _shown(request[OPERATOR])

    async def sign_out(request: web.Request) -> web.Response:
        if (operator := request[OPERATOR]).by == "cookie":
            access.sessions.close(operator.cookie)
        response = web.json_response({"ok": True})
        response.del_cookie(access.cookie, path="/api", httponly=True, samesite="Strict")
        return response

    return [
        web.post(SESSION_PATH, sign_in),
        web.get(SESSION_PATH, session),
        web.post("/api/auth/logout", sign_out),
    ]


def _shown(operator: Operator) -> web.Response:
    shown: dict[str, str | None] = {"by": operator.by, "csrf_token": None, "expires_at": None}
    if operator.session is not None:
        shown["csrf_token"] = operator.session.csrf_token
        shown["expires_at"] = _end(operator.session)
    return web.json_response({"data": shown})


def _end(session: SignedIn) -> str:
    end = datetime.now(UTC) + timedelta(seconds=session.seconds_left)
    return end.isoformat(timespec="seconds").replace("+00:00", "Z")
