"""The operator port of a whole Helio: the secret that was made, and what it opens."""

import json
import re
import urllib.error
import urllib.request

import pytest

from end_to_end.recording import Recorder
from processes import HelioFactory

pytestmark = pytest.mark.end_to_end

WITHOUT_SECRET = "dashboard: { port: '${HELIO_TEST_OPERATOR_PORT}' }"


def get(url: str, secret: str | None = None) -> tuple[int, object]:
    request = urllib.request.Request(url)
    if secret is not None:
        request.add_header("authorization", f"Bearer {secret}")
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_a_secret_that_was_made_is_printed_once_and_opens_the_port(
    helio: HelioFactory, recorder: Recorder
) -> None:
    process = helio(WITHOUT_SECRET, upstream=recorder.url)
    url = f"{process.operator_url}/api/policy"
    status, body = get(url)
    assert status == 401
    found = re.search(r"#secret=(\S+)", process.log.read_text())
    assert found is not None
    secret = found[1]
    assert len(secret) >= 40
    status, body = get(url, secret)
    assert status == 200
    assert isinstance(body, dict)
    assert body["data"]["digest"].startswith("sha256:")
    assert get(url, secret + "x")[0] == 401

    process.stop()
    assert process.log.read_text().count(secret) == 1
    written = [path for path in process.audit_dir.iterdir() if path.is_file()]
    assert written
    assert all(secret.encode() not in path.read_bytes() for path in written)
    process.start()
    assert get(url, secret)[0] == 401, "each start makes its own"


def test_a_configured_secret_is_never_printed(helio: HelioFactory, recorder: Recorder) -> None:
    process = helio("", upstream=recorder.url)
    assert get(f"{process.operator_url}/api/policy", process.secret)[0] == 200
    process.stop()
    assert process.secret not in process.log.read_text()
