"""Two apples at 100 each, with 10 % tax: the first graph of notes 000, 001 and 004."""

from collections.abc import Iterator

from backhand.nn import MulLayer
from backhand.notes.row import Row, garbled, near, printed, slip


def apples() -> Iterator[Row]:
    """Multiply forward, swap and multiply backward."""
    apple = 100
    apple_num = 2
    tax = 1.1

    mul_apple_layer = MulLayer()
    mul_tax_layer = MulLayer()

    apple_price = mul_apple_layer.forward(apple, apple_num)
    price = mul_tax_layer.forward(apple_price, tax)

    dprice = 1
    dapple_price, dtax = mul_tax_layer.backward(dprice)
    dapple, dapple_num = mul_apple_layer.backward(dapple_price)

    yield printed("000", "price", "220.00000000000003", price)
    yield slip(
        "000",
        "dapple, dapple_num, dtax",
        "2.2 400 100",
        f"{dapple} {dapple_num} {dtax}",
        "the apples print 2.2 400 100: backward goes through the apple layer first; "
        "in reverse order, tax layer first, it is 2.2 110.00000000000001 200",
    )
    yield printed("001", "price", "price: 220", "price:", int(price))
    yield printed("001", "dapple", "dApple: 2.2", "dApple:", dapple)
    yield printed("001", "dapple_num", "dApple_num: 110", "dApple_num:", int(dapple_num))
    yield printed("001", "dtax", "dTax: 200", "dTax:", dtax)
    yield printed("004", "price", "220.00000000000003", price)
    yield near("004", "price, in a comment", "# 220", price, tolerance=1e-9)
    yield printed("004", "dapple, dapple_num, dtax", "2.2 110.00000000000001 200", dapple, dapple_num, dtax)
    yield near("004", "the same, in a comment", "# 2.2 110 200", dapple, dapple_num, dtax, tolerance=1e-9)

    yield garbled("001", "MulLayer.backward", "def backward at the margin", "indented, in its class")
    yield garbled(
        "001", "line numbers in front of the code", "5 mul_apple_layer = MulLayer()", "mul_apple_layer = MulLayer()"
    )
