"""The process in which a user's file is checked: ``python -m backhand.checking.child``, started by isolate.py.

It gets one line of JSON on its standard input and answers in lines of JSON on a pipe of its own, so that nothing that
the user's code prints can get between them: ``{"names": [...]}``, then for each thing ``{"start": name}`` and
``{"report": {...}}``, at last ``{"done": true}``; or ``{"error": message}``.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Read the order, limit this process, check, answer."""
    order = json.loads(sys.stdin.readline())
    answers = os.fdopen(order["answers"], "w", encoding="utf-8", buffering=1)
    resource.setrlimit(resource.RLIMIT_AS, (order["memory"], order["memory"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    for answer in _answers(order):
        answers.write(json.dumps(answer) + "\n")


def _answers(order: dict[str, Any]) -> Any:
    from backhand.checking.discover import find
    from backhand.checking.load import load
    from backhand.checking.wire import to_wire
    from backhand.errors import BackhandError

    try:
        things = find(load(Path(order["file"])), order["names"])
    except BackhandError as error:
        yield {"error": str(error)}
        return
    yield {"names": [thing.name for thing in things]}
    if not order["list"]:
        from backhand.checking.examine import examine, undecided

        for thing in things:
            if thing.name not in order["skip"]:
                yield {"start": thing.name}
                try:
                    report = examine(thing, order["seed"])
                except Exception as error:  # a mistake of this tool's own must not end the check of the others
                    report = undecided(thing, f"the check itself failed: {type(error).__name__}: {error}")
                yield {"report": to_wire(report)}
    yield {"done": True}


if __name__ == "__main__":
    main()
