"""What it costs to read tool definitions, to compare them with their pins, and to ask for one.

    python benches/definitions.py [--tools N]

The best of three runs of each, in one thread.
"""

import argparse
import json
import time
from collections.abc import Callable

from helio.governance.catalogue import Catalogue
from helio.governance.definitions import Tool, read_definition

RUNS = 3
ASKED = 100_000


def definition(number: int) -> bytes:
    """A definition of about 1.4 KB, as servers of ten-parameter tools have them."""
    properties = {
        f"parameter_{each}": {
            "type": "string",
            "description": "What this parameter is for, in a sentence.",
            "minLength": 1,
        }
        for each in range(9)
    }
    tool = {
        "name": f"tool_{number}",
        "title": "A tool",
        "description": "Does something that takes a while to describe. " * 5,
        "inputSchema": {"type": "object", "properties": properties, "required": ["parameter_1"]},
        "outputSchema": {"type": "object", "properties": {"result": {"type": "string"}}},
        "annotations": {"readOnlyHint": True},
    }
    return json.dumps(tool).encode()


def best(work: Callable[[], object]) -> float:
    """Seconds of the fastest run."""
    taken = []
    for _ in range(RUNS):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tools", type=int, default=10_000)
    count = parser.parse_args().tools
    raws = [definition(number) for number in range(count)]

    def read() -> list[Tool]:
        return [tool for raw in raws for tool in read_definition(raw)]

    catalogue = Catalogue()
    tools = read()
    catalogue.replace(tools)

    def ask() -> None:
        for _ in range(ASKED):
            catalogue.standing("tool_7")

    pins = json.dumps({name: pin.stored() for name, pin in catalogue.pins.items()})
    size = sum(map(len, raws)) / count
    print(f"{count} definitions of {size:.0f} bytes")
    print(f"read and fingerprinted   {best(read):.3f} s")
    print(f"compared with their pins {best(lambda: catalogue.replace(tools)):.3f} s")
    print(f"asked for, each          {best(ask) / ASKED * 1e6:.2f} µs")
    print(f"a pin in the journal     {len(pins) / count:.0f} bytes")


if __name__ == "__main__":
    main()
