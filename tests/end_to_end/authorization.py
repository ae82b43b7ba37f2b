"""A small OAuth authorization server, and an MCP server that takes nothing but its tokens."""

import asyncio
import base64
import hashlib
import secrets
import time
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import jwt
from aiohttp import web
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider, TokenStorage
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

from processes import LOOPBACK
from transport.issuer import jwk, jwks, private_key

WELL_KNOWN = "/.well-known/oauth-protected-resource"


class Served:
    """An aiohttp application on a port of its own."""

    def __init__(self) -> None:
        self.app = web.Application()
        self.paths: list[str] = []

    async def start(self) -> None:
        self._runner = web.AppRunner(self.app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, 0).start()
        self.url = f"http://{LOOPBACK}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        await self._runner.cleanup()


class AuthorizationServer(Served):
    """Registers any client, asks no person, and gives out tokens for the resource that is named."""

    def __init__(self, agent: str) -> None:
        super().__init__()
        self._agent = agent
        self._codes: dict[str, dict[str, str]] = {}
        self.resources: list[str] = []
        self.app.router.add_get("/.well-known/oauth-authorization-server", self._metadata)
        self.app.router.add_get("/jwks", self._keys)
        self.app.router.add_post("/register", self._register)
        self.app.router.add_get("/authorize", self._authorize)
        self.app.router.add_post("/token", self._token)

    async def _metadata(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "registration_endpoint": f"{self.url}/register",
                "response_types_supported": ["code"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    async def _keys(self, _: web.Request) -> web.Response:
        return web.Response(body=jwks(jwk("P-256", "k1")), content_type="application/json")

    async def _register(self, request: web.Request) -> web.Response:
        return web.json_response({**await request.json(), "client_id": "c1"}, status=201)

    async def _authorize(self, request: web.Request) -> web.Response:
        code = secrets.token_urlsafe(8)
        self._codes[code] = dict(request.query)
        query = urlencode({"code": code, "state": request.query["state"]})
        raise web.HTTPFound(f"{request.query['redirect_uri']}?{query}")

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        asked = self._codes.pop(str(form["code"]))
        digest = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
        self.resources.append(asked["resource"])
        token = jwt.encode(
            {
                "iss": self.url,
                "aud": asked["resource"],
                "sub": self._agent,
                "exp": int(time.time()) + 300,
            },
            private_key("P-256"),
            algorithm="ES256",
            headers={"kid": "k1"},
        )
        return web.json_response({"access_token": token, "token_type": "Bearer", "expires_in": 300})


class ProtectedServer(Served):
    """One tool, `echo`, for who has a token of the authorization server."""

    def __init__(self, issuer: str) -> None:
        super().__init__()
        self._issuer = issuer
        self.app.router.add_post("/mcp", self._post)
        self.app.router.add_get(f"{WELL_KNOWN}/mcp", self._metadata)

    async def _metadata(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "resource": f"{self.url}/mcp",
                "authorization_servers": [self._issuer],
                "scopes_supported": ["echo"],
                "resource_name": "An echo",
            }
        )

    async def _post(self, request: web.Request) -> web.Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not self._counts(token):
            url = f"{self.url}{WELL_KNOWN}/mcp"
            challenge = f'Bearer error="invalid_token", resource_metadata="{url}", scope="echo"'
            return web.Response(status=401, headers={"www-authenticate": challenge})
        sent = await request.json()
        if "id" not in sent:
            return web.Response(status=202)
        return web.json_response(
            {"jsonrpc": "2.0", "id": sent["id"], "result": self._result(sent)},
            headers={"mcp-session-id": "s1"} if sent["method"] == "initialize" else {},
        )

    def _counts(self, token: str) -> bool:
        try:
            jwt.decode(
                token,
                private_key("P-256").public_key(),
                algorithms=["ES256"],
                issuer=self._issuer,
                # Strict ones would ask for their own URL; this one knows of its proxy.
                options={"verify_aud": False},
            )
        except jwt.PyJWTError:
            return False
        return True

    def _result(self, sent: dict[str, Any]) -> dict[str, Any]:
        match sent["method"]:
            case "initialize":
                return {
                    "protocolVersion": "2025-11-25",
                    "capabilities": {"tools": {}},
                    "serverInfo": {"name": "echo", "version": "1"},
                }
            case "tools/list":
                return {"tools": [{"name": "echo", "inputSchema": {"type": "object"}}]}
            case _:
                text = sent["params"]["arguments"]["text"]
                return {"content": [{"type": "text", "text": text}]}


class Memory(TokenStorage):
    """What a client keeps, while it runs."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


def provider(url: str, storage: Memory) -> OAuthClientProvider:
    """The official client's OAuth, with a person who agrees to everything."""
    agreed: asyncio.Queue[AuthorizationCodeResult] = asyncio.Queue()

    async def redirect(authorize: str) -> None:
        async with httpx2.AsyncClient(follow_redirects=False) as browser:
            answer = await browser.get(authorize)
        query = parse_qs(urlsplit(answer.headers["location"]).query)
        agreed.put_nowait(AuthorizationCodeResult(code=query["code"][0], state=query["state"][0]))

    return OAuthClientProvider(
        server_url=url,
        client_metadata=OAuthClientMetadata(
            redirect_uris=["http://127.0.0.1:1/callback"], client_name="a test"
        ),
        storage=storage,
        redirect_handler=redirect,
        callback_handler=agreed.get,
    )
