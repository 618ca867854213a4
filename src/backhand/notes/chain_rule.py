"""z = (x + y)^2: the chain rule of note 001, and the derivatives of its two nodes."""

from collections.abc import Iterator

from backhand.nn import AddLayer, MulLayer
from backhand.notes.row import Row, formula


def chain_rule() -> Iterator[Row]:
    """t = x + y, then z = t * t: a square is a product whose two gradients add up."""
    x, y = 3.0, 4.0

    add_layer = AddLayer()
    square_layer = MulLayer()

    t = add_layer.forward(x, y)
    z = square_layer.forward(t, t)

    dt = sum(square_layer.backward(1))
    dx, dy = add_layer.backward(dt)

    yield formula("001", "z at x = 3, y = 4", "(x + y)^2", z, (x + y) ** 2)
    yield formula("001", "dz/dt", "2t", dt, 2 * t)
    yield formula("001", "dz/dx = dz/dt dt/dx", "2t . 1 = 2(x + y)", dx, 2 * (x + y))
    yield formula("001", "dz/dy, by symmetry", "2(x + y)", dy, 2 * (x + y))

    add_layer.forward(x, y)
    mul_layer = MulLayer()
    mul_layer.forward(x, y)
    for source in ("000", "001"):
        yield formula(source, "z = x + y: dz/dx, dz/dy", "1, 1", add_layer.backward(1), (1, 1))
        yield formula(source, "z = xy: dz/dx, dz/dy", "y, x", mul_layer.backward(1), (y, x))
