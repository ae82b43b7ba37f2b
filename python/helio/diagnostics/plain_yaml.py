"""Plain YAML documents read at once, natively: most files are such.

Above: `yaml_document`. Below: `nodes`, `tree`, `masking`. Pure. Of a plain document it says
exactly what `yaml_document` would say by PyYAML's events, and of no other document anything.
"""

from typing import Final

from helio.diagnostics.masking import holds_credentials, is_secret_key
from helio.diagnostics.nodes import PlainReader
from helio.diagnostics.tree import Number

PLAIN: Final = PlainReader(Number, is_secret_key, holds_credentials)
