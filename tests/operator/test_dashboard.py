"""The dashboard's files: who gets them, how long they keep, and what is in them."""

import hashlib
import json
import os
import re
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from helio.operator.access import Access
from helio.operator.api import application
from helio.operator.dashboard.serving import POLICY, dashboard_routes
from helio.protocol.guards import host_rules, origin_rules

ROOT = Path(__file__).resolve().parents[2]
SITE = Path(str(files("helio.operator.dashboard"))) / "site"
VENDOR = SITE / "vendor"
OWN = sorted((SITE / "app").rglob("*.js"))


@pytest.fixture
async def client() -> AsyncIterator[ClientSession]:
    access = Access(host_rules(listen_host="127.0.0.1"), origin_rules(own_ports=[3100]), "secret")
    server = TestServer(application(access, dashboard_routes()))
    await server.start_server()
    async with ClientSession(server.make_url("/"), auto_decompress=False) as session:
        yield session
    await server.close()


async def linked(client: ClientSession) -> list[str]:
    """What the page asks for."""
    async with client.get("/", headers={"accept-encoding": "identity"}) as answer:
        assert answer.status == 200
        return re.findall(r'(?:href|src)="([^"]+)"', await answer.text())


async def test_everybody_gets_the_page_and_what_it_needs(client: ClientSession) -> None:
    found = await linked(client)
    assert any(each.endswith("/app/main.js") for each in found)
    for path in found:
        async with client.get(path) as answer:
            assert answer.status == 200, path
            assert "immutable" in answer.headers["cache-control"]
            assert answer.headers["content-security-policy"] == POLICY
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "no-referrer"


async def test_every_module_that_is_imported_is_served(client: ClientSession) -> None:
    (main,) = (each for each in await linked(client) if each.endswith("/app/main.js"))
    base = main.removesuffix("app/main.js")
    for module in [*OWN, *VENDOR.glob("*.js")]:
        for name in re.findall(r'\b(?:from|import) ?"([^"\s,]+)"', module.read_text("utf-8")):
            assert name.startswith("."), f"{module.name} imports {name}"
            path = (module.parent / name).resolve().relative_to(SITE)
            async with client.get(f"{base}{path}") as answer:
                assert answer.status == 200, f"{module.name} imports {name}"
                assert answer.headers["content-type"] == "text/javascript; charset=utf-8"


async def test_what_is_known_is_not_sent_again(client: ClientSession) -> None:
    for path in ("/", (await linked(client))[0]):
        async with client.get(path) as answer:
            tag = answer.headers["etag"]
        for known in (tag, f'"other", W/{tag}'):
            async with client.get(path, headers={"if-none-match": known}) as answer:
                assert (answer.status, await answer.read()) == (304, b"")
        async with client.get(path, headers={"if-none-match": '"other"'}) as answer:
            assert answer.status == 200


async def test_the_page_itself_is_asked_for_each_time(client: ClientSession) -> None:
    async with client.get("/") as answer:
        assert answer.headers["cache-control"] == "no-cache"


async def test_files_are_compressed_for_those_who_read_that(client: ClientSession) -> None:
    (main,) = (each for each in await linked(client) if each.endswith("/styles/parts.css"))
    async with client.get(main, headers={"accept-encoding": "gzip"}) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        compressed = len(await answer.read())
    async with client.get(main, headers={"accept-encoding": "identity"}) as answer:
        assert "content-encoding" not in answer.headers
        assert len(await answer.read()) > 2 * compressed


async def test_nothing_else_is_served(client: ClientSession) -> None:
    base = (await linked(client))[0].rpartition("/")[0]
    for path in (f"{base}/nothing.js", f"{base}/vendor/vendored.json", "/assets/", "/index.html"):
        async with client.get(path) as answer:
            assert answer.status in (401, 404), path
    async with client.get("/", headers={"host": "evil.example"}) as answer:
        assert answer.status == 403


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere() -> None:
    rules = dict(each.split(" ", 1) for each in POLICY.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert not re.search(r"unsafe|https?:|\*", POLICY)
    page = (SITE / "index.html").read_text("utf-8")
    assert not re.search(r"<script>|<style|style=|\son\w+=", page)


def test_texts_never_become_markup() -> None:
    makes = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|dangerouslySet|srcdoc|"
        r"DOMParser|createContextualFragment|\beval\b|new Function|javascript:"
    )
    found = [
        f"{module.relative_to(SITE)}: {match[0]}"
        for module in OWN
        for match in makes.finditer(module.read_text("utf-8"))
    ]
    assert OWN
    assert found == []


def test_modules_are_small_and_say_what_they_are_for() -> None:
    for module in OWN:
        text = module.read_text("utf-8")
        assert text.startswith("// "), module
        assert text.count("\n") < 300, module


def test_what_others_wrote_is_what_they_published() -> None:
    vendored = json.loads((VENDOR / "vendored.json").read_text("utf-8"))
    served = {path.name for path in VENDOR.iterdir() if path.suffix in {".js", ".css"}}
    assert served == set(vendored["files"])
    for name, told in vendored["files"].items():
        text = (VENDOR / name).read_bytes()
        assert hashlib.sha256(text).hexdigest() == told["sha256"], name
        licence = told["package"].strip("@").replace("/", "-")
        assert (VENDOR / f"LICENSE.{licence}.txt").read_text("utf-8")
    listed = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    lock = json.loads((ROOT / "tests/clients/package-lock.json").read_text("utf-8"))["packages"]
    for package, told in vendored["packages"].items():
        assert f"| `{package}` | {told['version']} |" in listed
        assert lock[f"node_modules/{package}"]["version"] == told["version"], package
        assert lock[f"node_modules/{package}"]["integrity"] == told["integrity"], package


def test_what_was_changed_of_it_are_the_names_of_imports() -> None:
    """They are published for bundlers, and name packages where a browser needs files."""
    published = ROOT / "tests" / "clients" / "node_modules"
    if not (published / "preact").exists() and not os.environ.get("HELIO_REQUIRE_PEERS"):
        pytest.skip("`make peers` installs what they published")
    vendored = json.loads((VENDOR / "vendored.json").read_text("utf-8"))
    for name, told in vendored["files"].items():
        text = (published / told["package"] / told["from"]).read_text("utf-8")
        for package, file in vendored["imports"].items():
            text = text.replace(f'from"{package}"', f'from"{file}"')
        text = re.sub(r"\n?//# sourceMappingURL=.*", "", text).rstrip("\n") + "\n"
        assert text == (VENDOR / name).read_text("utf-8"), name
