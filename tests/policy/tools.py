"""Tools as values: the definitions that upstreams list, as the compiler takes them."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from helio.policy.tool_types import KnownTool, KnownTools

Definition = Mapping[str, Any]


def known(upstreams: Mapping[str, Sequence[Definition]]) -> KnownTools:
    """Definitions by upstream."""
    return {
        upstream: [
            KnownTool(upstream, each["name"], json.dumps(each).encode()) for each in definitions
        ]
        for upstream, definitions in upstreams.items()
    }


def tool(name: str, arguments: Mapping[str, Any], **more: Any) -> Definition:
    """A tool whose arguments are all required, unless it says otherwise."""
    schema = {"type": "object", "properties": arguments, "required": list(arguments)}
    return {"name": name, "inputSchema": schema, **more}


def tools_beside(case: Path) -> KnownTools | None:
    """Those in `NAME.tools.json` beside a case whose first line says "With NAME.tools.json":
    `{upstream: [definition, …]}`."""
    named = re.match(r"#.* With (\S+\.tools\.json)\.$", case.read_text("utf-8"), re.MULTILINE)
    if named is None:
        return None
    return known(json.loads((case.parent / named[1]).read_text("utf-8")))
