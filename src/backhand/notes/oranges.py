"""Two apples and three oranges, with 10 % tax: notes 000, 001 and 004."""

from collections.abc import Iterator

from backhand.nn import AddLayer, MulLayer
from backhand.notes.row import Row, garbled, near, printed


def oranges() -> Iterator[Row]:
    """An addition passes the gradient on to both of its inputs."""
    apple = 100
    apple_num = 2
    orange = 150
    orange_num = 3
    tax = 1.1

    mul_apple_layer = MulLayer()
    mul_orange_layer = MulLayer()
    add_apple_orange_layer = AddLayer()
    mul_tax_layer = MulLayer()

    apple_price = mul_apple_layer.forward(apple, apple_num)
    orange_price = mul_orange_layer.forward(orange, orange_num)
    all_price = add_apple_orange_layer.forward(apple_price, orange_price)
    price = mul_tax_layer.forward(all_price, tax)

    dprice = 1
    dall_price, dtax = mul_tax_layer.backward(dprice)
    dapple_price, dorange_price = add_apple_orange_layer.backward(dall_price)
    dorange, dorange_num = mul_orange_layer.backward(dorange_price)
    dapple, dapple_num = mul_apple_layer.backward(dapple_price)

    yield printed("000", "price", "715.0000000000001", price)
    yield printed(
        "000",
        "dapple_num, dapple, dorange, dorange_num, dtax",
        "110.00000000000001 2.2 3.3000000000000003 165.0 650",
        *(dapple_num, dapple, dorange, dorange_num, dtax),
    )
    yield printed("001", "price", "price: 715", "price:", int(price))
    yield printed("001", "dapple", "dApple: 2.2", "dApple:", dapple)
    yield printed("001", "dapple_num", "dApple_num: 110", "dApple_num:", int(dapple_num))
    yield garbled("001", "dorange", "dOrange: 3.30000000000000003", f"dOrange: {dorange}")
    yield printed("001", "dorange_num", "dOrange_num: 165", "dOrange_num:", int(dorange_num))
    yield printed("001", "dtax", "dTax: 650", "dTax:", dtax)
    yield printed("004", "price", "715.0000000000001", price)
    yield near("004", "price, in a comment", "# 715", price, tolerance=1e-9)
    gradients = dapple, dapple_num, dorange, dorange_num, dtax
    names = "dapple, dapple_num, dorange, dorange_num, dtax"
    yield printed("004", names, "2.2 110.00000000000001 3.3000000000000003 165.0 650", *gradients)
    yield near("004", "the same, in a comment", "# 2.2 110 3.3 165 650", *gradients, tolerance=1e-9)

    yield garbled("001", "AddLayer.backward", "return dx, dy indented as the def is", "inside of the def")
    yield garbled("001", "the tax layer", "mul_tax_laver = MulLaver()", "mul_tax_layer = MulLayer()")
    yield garbled("001", "the tax layer's backward", "mul_tax_layer,backward(dprice)", "mul_tax_layer.backward(dprice)")
    yield garbled("001", "a printed name", '"d0range_num:"', '"dOrange_num:"')
