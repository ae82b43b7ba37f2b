"""Plain YAML documents read at once, natively: most files are such.

Above: `yaml_document`. Below: `helio._core`, `tree`, `masking`. Pure. Of a plain document it says
exactly what `yaml_document` would say by PyYAML's events, and of no other document anything.
"""

from typing import Final

from helio._core import PlainYaml
from helio.diagnostics.masking import holds_credentials, is_secret_key
from helio.diagnostics.source import Span
from helio.diagnostics.tree import Entry, Mapping, Number, Scalar, Sequence

PLAIN: Final = PlainYaml(
    Span, Scalar, Number, Entry, Sequence, Mapping, is_secret_key, holds_credentials
)
