"""What records keep of bodies, and what they quote of arguments, where rules redact."""

import json

import pytest

from helio.evaluator import Redactor
from helio.pipeline.bodies import HEAD, LARGEST_REDACTED, kept, kept_head, outline, refused
from helio.pipeline.quotes import without
from pipeline.playbook import Play, call, govern

PATTERN = Redactor(json.dumps([{"pattern": ["ACME-[0-9]+"], "action": "mask"}]).encode(), b"k", ())
KEY = Redactor(json.dumps([{"key": ["pin"], "action": "mask"}]).encode(), b"k", ())
NOTHING = Redactor(b"[]", b"k", ())


def test_a_large_body_is_redacted_before_it_is_cut() -> None:
    body = json.dumps({"a": "x" * (HEAD - 20) + "ACME-12345678901234", "b": 1}).encode()
    told = kept(body, 100, PATTERN, PATTERN.document)
    assert isinstance(told, dict)
    assert told["hmac_sha256"] == PATTERN.digest(body)
    assert told["size"] == len(body)
    assert "ACME" not in told["head"]
    assert len(told["head"]) == HEAD


def test_of_what_cannot_be_read_there_is_no_head() -> None:
    assert kept_head(b"ACME-1 <html>", PATTERN) == f"{PATTERN.text('ACME-1')} <html>"
    assert kept_head(b"<html>", KEY) is None
    assert kept_head(b'{"a":"ACM\\u0045-1', PATTERN) is None
    assert kept_head(b"x" * (LARGEST_REDACTED + 1), PATTERN) is None
    assert kept_head(b"<html>" * 1000, NOTHING) == "<html>" * 170 + "<htm"
    assert "head" not in outline(b"x", KEY, None)
    assert refused(b'{"pin":1,"pin"', KEY) == {"size": 14}
    assert "[redacted:" in str(refused(b'{"pin":1}', KEY)["head"])
    assert refused(b"{", NOTHING) == {"size": 1, "head": "{"}


@pytest.mark.parametrize("redactor", [PATTERN, NOTHING])
def test_quotes_are_hidden_in_records_where_something_is(redactor: Redactor) -> None:
    rule = "{ match: { input: { '$.a': { gt: 1 } } }, action: deny }"
    play = Play(govern(f"{{ rules: [{rule}] }}", redactor=redactor))
    (record,) = play.send(call(arguments=b'{"a":"ACME-1 and more","b":2}'))
    text = repr(record)
    assert ("ACME-1 and more" in text) == (redactor is NOTHING)
    assert ("a string (redacted)" in text) == (redactor is PATTERN)


def test_what_is_hidden_is_hidden_at_every_depth() -> None:
    hidden = {'string "a"': "a string", "7": "a number"}
    value = {"x": ['found string "a"', 7, None], "y": ("is 7.",)}
    assert without(value, hidden) == {"x": ["found a string", 7, None], "y": ["is a number."]}
    assert without(value, {}) is value
