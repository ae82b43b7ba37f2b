"""What docs/telemetry.md shows is what there is."""

import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from end_to_end.recording import Recorder
from end_to_end.test_telemetry import RULES, call
from processes import HelioFactory

pytestmark = pytest.mark.end_to_end

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "telemetry.md").read_text("utf-8")
METRICS = dict(re.findall(r"^\| `(helio_\w+)` \|([^|]*)\|", PAGE, re.MULTILINE))


def test_the_table_has_every_metric_with_its_labels(
    helio: HelioFactory, recorder: Recorder
) -> None:
    process = helio(RULES, upstream=recorder.url)
    call(process, "read_mail")
    asked = urllib.request.Request(
        f"{process.operator_url}/metrics", headers={"authorization": f"Bearer {process.secret}"}
    )
    with urllib.request.urlopen(asked, timeout=10) as answer:
        text = answer.read().decode()
    found = {}
    for family in text_string_to_metric_families(text):
        if family.name.startswith("helio_"):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            found[name] = {label for sample in family.samples for label in sample.labels} - {"le"}
    assert set(found) == set(METRICS)
    for name, labels in found.items():
        assert labels == set(filter(None, METRICS[name].replace(" ", "").split(","))), name
    alerts = yaml.safe_load(re.findall(r"```yaml\n(groups:.*?)```", PAGE, re.DOTALL)[0])
    named = re.findall(r"helio_\w+", str(alerts))
    assert set(named) <= set(METRICS)


def test_the_program_follows_the_journal_into_new_files(
    helio: HelioFactory, recorder: Recorder, tmp_path: Path
) -> None:
    [program] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    process = helio(RULES, upstream=recorder.url)
    call(process, "read_mail")
    command = [sys.executable, "-c", program, str(process.audit_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        try:
            assert '"tool_name": "read_mail"' in following.stdout.readline()
            assert '"status": "answered"' in following.stdout.readline()
            process.stop()
            process.start()
            call(process, "delete_order")
            assert '"block_reason": "policy_denied"' in following.stdout.readline()
        finally:
            following.terminate()
