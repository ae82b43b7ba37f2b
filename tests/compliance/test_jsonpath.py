"""The public compliance suite of RFC 9535, on the evaluator and on the oracle.

Filter selectors are no part of Helio's paths (product.md §3 takes RFC 9535 without them): a path
with one is refused.
"""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from helio import evaluator
from oracle.jsonpath import PathError, parse_path
from oracle.jsonpath import select as oracle_select
from oracle.strict_json import Json, parse
from oracle.text import write

Select = Callable[[str, bytes], list[Json]]
QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""", re.DOTALL)


def native(path: str, document: bytes) -> list[Json]:
    return [parse(found) for found in evaluator.select(path, document)]


def oracle(path: str, document: bytes) -> list[Json]:
    return oracle_select(parse_path(path), parse(document))


def has_filter(selector: str) -> bool:
    """Tell whether a question mark stands outside of quoted names."""
    return "?" in QUOTED.sub("", selector)


@pytest.mark.parametrize("select", [native, oracle])
def test_the_suite_of_rfc_9535(select: Select, path_case: dict[str, Any]) -> None:
    selector = path_case["selector"]
    if has_filter(selector):
        with pytest.raises((evaluator.PatternError, PathError), match="filter"):
            select(selector, b"{}")
    elif path_case.get("invalid_selector"):
        with pytest.raises((evaluator.PatternError, PathError)):
            select(selector, b"{}")
    else:
        document = json.dumps(path_case["document"]).encode()
        allowed = path_case.get("results", [path_case.get("result")])
        # The suite's answers are in JSON's own order, one of several where the order is free.
        found = [json.loads(write(value)) for value in select(selector, document)]
        assert found in allowed
