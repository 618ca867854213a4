"""``backhand draw``: an expression, or something from a Python file, as a figure or as a page to step through."""

import json
from pathlib import Path
from typing import Annotated

import typer

from backhand.errors import OptionError


def draw(
    what: Annotated[str, typer.Argument(metavar="EXPRESSION | FILE.py:NAME", help="What to draw.")],
    given: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME=VALUE]...", help="The inputs: numbers, or arrays such as x='[[1, 2], [3, 4]]'."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="An .html or .svg file; left out: graph.html.")
    ] = None,
    level: Annotated[str, typer.Option(help="layer: each layer a box; op: all open.")] = "layer",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Draw a computation graph with its forward values and its gradients.

    backhand draw 'apple * apple_num * tax' apple=100 apple_num=2 tax=1.1 -o apple.html

    backhand draw net.py:layer x='[[1, -0.5], [-2, 3]]' -o layer.svg
    """
    from backhand.drawing import draw as draw_it
    from backhand.drawing.expression import parse_assignments
    from backhand.drawing.target import is_target, run_expression, run_target

    values = parse_assignments(given or [])
    run = run_target(what, values) if is_target(what) else run_expression(what, values)
    path = output or Path("graph.html")
    try:
        draw_it(run, path, level=level, title=what)
    except OSError as error:
        raise OptionError(f"draw: {path} can't be written: {error.strerror or error}") from error
    print(f"{path}: {len(run.graph)} nodes" + ("" if run.gradients is None else ", with gradients"))
    if as_json:
        gradients = {}
        if run.gradients is not None:
            names = [(run.graph.labels[i], run.gradients[i]) for i in run.graph.inputs]
            gradients = {name: _plain(gradient) for name, gradient in names if gradient is not None}
        result = [_plain(run.values[i]) for i in run.graph.outputs]
        summary = {"file": str(path), "nodes": len(run.graph), "result": result, "gradients": gradients}
        print(json.dumps(summary, ensure_ascii=False))


def _plain(value: object) -> object:
    """A number or an array as JSON has them; what JSON has no word for (NaN, infinity) becomes null."""
    import numpy as np

    def plain(item: object) -> object:
        if isinstance(item, list):
            return [plain(part) for part in item]
        return item if not isinstance(item, float) or np.isfinite(item) else None

    return plain(np.asarray(value).tolist())
