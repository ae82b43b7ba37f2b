"""The OpenAPI document names what the port serves and reads, and nothing else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from helio.sideband import adapters, installs, marks, reports
from helio.sideband.access import OPEN_PATHS
from helio.sideband.adapters import AdaptersView
from helio.sideband.installs import InstallsView
from helio.sideband.marks import MarksView
from helio.sideband.openapi import document
from sideband.port import opened

DOCUMENT = document()
SCHEMAS = DOCUMENT["components"]["schemas"]


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for each in part.values():
            yield from references(each)
    elif isinstance(part, list):
        for each in part:
            yield from references(each)


def test_it_names_every_route_and_no_other() -> None:
    views: list[Any] = [view.__new__(view) for view in (MarksView, AdaptersView, InstallsView)]
    served = {(route.path, route.method.lower()) for view in views for route in view.routes()}
    served |= {(path, "get") for path in OPEN_PATHS}
    described = {(path, method) for path, each in DOCUMENT["paths"].items() for method in each}
    assert described == served


def test_every_operation_names_its_token_and_its_refusals() -> None:
    for path, methods in DOCUMENT["paths"].items():
        for operation in methods.values():
            if path in OPEN_PATHS:
                assert operation["security"] == []
                continue
            scope = "sdk" if path.startswith(("/evidence", "/context", "/session")) else "adapter"
            assert operation["security"] == [{scope: []}]
            assert {"400", "401", "403", "404", "429"} <= operation["responses"].keys()
            assert ("requestBody" in operation) == ("415" in operation["responses"])


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("Mark", marks._MARK),
        ("Context", marks._CONTEXT),
        ("Call", adapters._CALL),
        ("Report", reports._REPORT),
        ("GivenMark", reports._MARK),
        ("Resolution", adapters._RESOLUTION),
        ("Installation", installs._SCAN),
    ],
)
def test_what_is_sent_has_the_keys_that_are_read(name: str, keys: frozenset[str]) -> None:
    assert SCHEMAS[name]["properties"].keys() == keys
    assert SCHEMAS[name]["additionalProperties"] is False


def test_the_schemas_are_schemas_and_every_reference_leads_somewhere() -> None:
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)
    for reference in references(DOCUMENT):
        _, section, kind, name = reference.split("/")
        assert name in DOCUMENT[section][kind]


async def test_it_is_served_to_whoever_asks_but_to_no_page(tmp_path: Path) -> None:
    async with opened(tmp_path) as port:
        status, found, _ = await port.ask("GET", "/openapi.json", token="nobody's")
        assert (status, found) == (200, DOCUMENT)
        foreign = {"origin": "https://evil.example"}
        assert (await port.ask("GET", "/openapi.json", headers=foreign))[0] == 403
