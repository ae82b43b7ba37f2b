"""Faults in files as values: source text with places, YAML into values with places, diagnostics.

Above: `helio.config` and `helio.policy`, which both use it. Below: `helio.errors`. Pure.
"""

from helio.diagnostics.codes import Code, Severity
from helio.diagnostics.diagnostic import (
    Diagnostic,
    Diagnostics,
    Label,
    near_miss,
    only_typo,
    quoted,
)
from helio.diagnostics.nodes import Entry, Mapping, Scalar, Sequence, Span
from helio.diagnostics.source import SourceText
from helio.diagnostics.tree import (
    Interpolated,
    Node,
    Number,
    child_path,
    described,
    opening,
)
from helio.diagnostics.yaml_document import YamlDocument, parse_yaml

__all__ = [
    "Code",
    "Diagnostic",
    "Diagnostics",
    "Entry",
    "Interpolated",
    "Label",
    "Mapping",
    "Node",
    "Number",
    "Scalar",
    "Sequence",
    "Severity",
    "SourceText",
    "Span",
    "YamlDocument",
    "child_path",
    "described",
    "near_miss",
    "only_typo",
    "opening",
    "parse_yaml",
    "quoted",
]
