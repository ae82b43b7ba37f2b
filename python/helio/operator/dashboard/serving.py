"""Serves the dashboard's files, from memory.

Above: `helio.app`. Below: aiohttp. The files are part of the package and never change while Helio
runs. All but the page itself lie under a path that holds the digest of them all, so that browsers
may keep them for good. Nobody must be signed in to read them: they are the same for everybody.
"""

import gzip
import hashlib
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from typing import Final

from aiohttp import web

from helio.operator.access import ASSETS

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""What is served; other files of the package (licences) are not."""
_PAGE: Final = "index.html"
_FOR_GOOD: Final = "public, max-age=31536000, immutable"
_SMALL: Final = 1024
"""Bytes up to which nothing is compressed."""

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
"""The pages' content security policy: nothing inline, nothing from elsewhere, no frame, and no text
that becomes markup."""
_HEADERS: Final = {
    "content-security-policy": POLICY,
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "vary": "accept-encoding",
}


@dataclass(frozen=True, slots=True)
class _File:
    """One file, as it is sent."""

    content: bytes
    compressed: bytes | None
    content_type: str
    tag: str
    caching: str

    @classmethod
    def of(cls, name: str, content: bytes, caching: str) -> "_File":
        small = len(content) <= _SMALL
        return cls(
            content,
            None if small else gzip.compress(content, mtime=0),
            _TYPES[PurePosixPath(name).suffix],
            f'"{hashlib.sha256(content).hexdigest()[:32]}"',
            caching,
        )

    def answer(self, request: web.Request) -> web.Response:
        headers = {**_HEADERS, "etag": self.tag, "cache-control": self.caching}
        known = request.headers.get("if-none-match", "")
        if self.tag in (each.strip().removeprefix("W/") for each in known.split(",")):
            return web.Response(status=304, headers=headers)
        content = self.content
        if self.compressed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            content, headers["content-encoding"] = self.compressed, "gzip"
        headers["content-type"] = self.content_type
        return web.Response(body=content, headers=headers)


def dashboard_routes() -> list[web.RouteDef]:
    """`/`, and what it needs under `/assets/`."""
    found = _read(files("helio.operator.dashboard") / "site")
    digest = hashlib.sha256()
    for name in sorted(found):
        digest.update(name.encode() + b"\0" + hashlib.sha256(found[name]).digest())
    base = f"{ASSETS}{digest.hexdigest()[:16]}/"
    page = _File.of(_PAGE, found.pop(_PAGE).replace(b"{{assets}}", base.encode()), "no-cache")
    assets = {base + name: _File.of(name, found[name], _FOR_GOOD) for name in found}

    async def answer_page(request: web.Request) -> web.Response:
        return page.answer(request)

    async def answer_asset(request: web.Request) -> web.Response:
        file = assets.get(request.path)
        if file is None:
            raise web.HTTPNotFound
        return file.answer(request)

    return [web.get("/", answer_page), web.get(ASSETS + "{path:.+}", answer_asset)]


def _read(directory: Traversable, prefix: str = "") -> dict[str, bytes]:
    """What is served of a directory, by the path in it."""
    found: dict[str, bytes] = {}
    for each in directory.iterdir():
        if each.is_dir():
            found |= _read(each, f"{prefix}{each.name}/")
        elif PurePosixPath(each.name).suffix in _TYPES:
            found[prefix + each.name] = each.read_bytes()
    return found
