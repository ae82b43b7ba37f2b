"""What a decision costs as policies grow, beside parsing the same bytes with orjson.

    python benches/evaluator.py [--json] [--passes N]

The evaluator's part of `helio bench` alone; see `helio.bench.evaluator` for what is measured.
"""

import argparse
import json
import sys

from rich.console import Console

from helio.bench.evaluator import measure
from helio.bench.report import show_evaluator


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--passes", type=int, default=30, help="passes after the first")
    options = parser.parse_args()
    report = measure(options.passes, lambda step: print(step, file=sys.stderr))
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        show_evaluator(report, Console(highlight=False))


if __name__ == "__main__":
    main()
