"""A port that runs answers as its OpenAPI document says, whatever is asked of it.

Schemathesis makes requests of the document, such that it allows and such that it does not.
`HELIO_PROOF=1` makes many more of them.
"""

import json
import os
import subprocess
import sys
import urllib.request

import pytest

from conftest import HelioFactory
from end_to_end.recording import Recorder

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

TOKEN = "the-token-of-whoever-asks-all"
POLICIES = f"""
policies:
  rules:
    # What is made of the document is often named "0".
    - {{ match: {{ tool: refund }}, evidence: {{ requires: ['0'] }} }}
    - {{ match: {{ tool: '0' }}, action: require_approval }}
  install: {{ default: allow }}
approval: {{ mode: return }}
sdk:
  port: '${{HELIO_TEST_SDK_PORT}}'
  tokens: [{{ name: all, token: {TOKEN}, scopes: [sdk, adapter] }}]
"""
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "ignored_auth",
)
PROOF = os.environ.get("HELIO_PROOF") == "1"
MUCH = ("--max-examples", "300") if PROOF else ("--phases", "coverage")


def test_no_request_finds_the_document_wrong(helio: HelioFactory, recorder: Recorder) -> None:
    process = helio(POLICIES, upstream=recorder.url)
    document = f"{process.sdk_url}/openapi.json"
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", document, "--no-color"),
        *("--url", process.sdk_url, "--header", f"Authorization: Bearer {TOKEN}"),
        *("--checks", ",".join(CHECKS), "--request-timeout", "30", "--seed", "1"),
        *("--continue-on-failure", *MUCH),
    ]
    ended = subprocess.run(
        command,
        cwd=process.directory,
        env={**os.environ, "SCHEMATHESIS_REPORT": "false"},
        check=False,
        capture_output=True,
        text=True,
        timeout=1800 if PROOF else 300,
    )
    assert ended.returncode == 0, ended.stdout[-20_000:] + ended.stderr[-2_000:]
    assert " passed" in ended.stdout
    with urllib.request.urlopen(document, timeout=30) as answer:
        paths = json.load(answer)["paths"]
    # All but the document itself.
    assert f"Tested: {len(paths) - 1}" in ended.stdout
