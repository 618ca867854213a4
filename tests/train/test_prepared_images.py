"""Pictures of digits, however they were drawn, are recognised as well as MNIST's own arrays."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backhand.data import load_dataset
from backhand.errors import DataError
from backhand.train import Settings, images, train
from backhand.train.predict import predict

COUNT = 200


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 600 iterations on MNIST: accuracy 0.90 on the test set."""
    return train(Settings(iterations=600), runs=tmp_path_factory.mktemp("runs")).run


@pytest.fixture(scope="module")
def on_arrays(run: Path, tmp_path_factory: pytest.TempPathFactory) -> float:
    """The share of digits recognised as they are, 28 x 28, white on black."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("same"))
        return recognised(run, lambda image: image)


def recognised(run: Path, drawn: Callable[[Image.Image], Image.Image]) -> float:
    data = load_dataset("mnist")
    for i in range(COUNT):
        drawn(Image.fromarray(data.x_test[i, 0])).save(f"{i}.png")
    predictions = predict(run, [f"{i}.png" for i in range(COUNT)])
    return float(np.mean([int(p.label) == t for p, t in zip(predictions, data.t_test[:COUNT], strict=True)]))


def inverted(image: Image.Image) -> Image.Image:
    return Image.fromarray(255 - np.asarray(image))


def large(image: Image.Image) -> Image.Image:
    """5 times as large, off the middle of a page that is wider than high."""
    page = Image.new("L", (250, 200))
    page.paste(image.resize((140, 140), Image.Resampling.BICUBIC), (10, 50))
    return page


def with_margin(image: Image.Image) -> Image.Image:
    page = Image.new("L", (61, 40))
    page.paste(image, (30, 2))
    return page


def pencil(image: Image.Image) -> Image.Image:
    """Grey on grey: 90 on 200."""
    return Image.fromarray((200 - np.asarray(large(image)) * (110 / 255)).astype(np.uint8))


def photographed(image: Image.Image) -> Image.Image:
    """Ink on a page that lies in a shadow on one side, with a camera's grain."""
    page = 240 - np.asarray(large(image)) * (180 / 255) - np.linspace(0, 25, 250)
    grain = np.random.default_rng(int(page.sum())).normal(0, 5, page.shape)
    return Image.fromarray((page + grain).clip(0, 255).astype(np.uint8))


def transparent(ink: int) -> Callable[[Image.Image], Image.Image]:
    def draw(image: Image.Image) -> Image.Image:
        page = large(image)
        out = Image.new("RGBA", page.size, (ink, ink, ink, 0))
        out.putalpha(page)
        return out

    return draw


def test_the_arrays_themselves_are_recognised(on_arrays: float) -> None:
    # Measured: 0.93 of these 200 (0.90 of all 10,000).
    assert on_arrays > 0.88


@pytest.mark.parametrize(
    "drawn",
    [
        inverted,
        large,
        with_margin,
        pencil,
        photographed,
        transparent(0),
        transparent(255),
        lambda image: inverted(large(image)).convert("RGB"),
        lambda image: large(image).convert("P"),
        lambda image: large(image).convert("1", dither=Image.Dither.NONE),
        lambda image: Image.fromarray(np.asarray(large(image)).astype(np.uint16) * 257),
    ],
    ids=[
        "inverted",
        "large",
        "margin",
        "pencil",
        "photo",
        "black ink",
        "white ink",
        "RGB",
        "palette",
        "1 bit",
        "16 bits",
    ],
)
def test_as_well_in_every_other_form(run: Path, on_arrays: float, drawn: Callable[[Image.Image], Image.Image]) -> None:
    # Measured: from 0.01 below (the photo) to 0.015 above. Without the centre of mass at index 14 it is 0.04 below.
    assert recognised(run, drawn) >= on_arrays - 0.015


def test_probabilities_sum_to_one_and_the_label_is_the_likeliest(run: Path) -> None:
    Image.fromarray(load_dataset("mnist").x_test[0, 0]).save("7.png")
    (prediction,) = predict(run, ["7.png"])
    assert prediction.label == "7" == max(prediction.probabilities, key=lambda name: prediction.probabilities[name])
    assert sum(prediction.probabilities.values()) == pytest.approx(1)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_blank_page_is_said(value: int) -> None:
    for shape in ((28, 28), (200, 100), (1, 1)):
        with pytest.raises(DataError, match=r"x\.png: is blank"):
            images.as_mnist(np.full(shape, float(value)), "x.png")


@pytest.mark.parametrize("shape", [(3, 400), (400, 3), (1, 2), (5, 5)])
def test_any_proportions_fit(shape: tuple[int, int]) -> None:
    picture = np.zeros(shape)
    picture.flat[picture.size // 2 :: 2] = 255
    digit = images.as_mnist(picture, "x.png")
    assert digit.shape == (28, 28)
    assert digit.max() == 1
    assert digit.min() == 0


def test_the_centre_of_mass_comes_to_the_middle() -> None:
    picture = np.zeros((100, 100))
    picture[10:50, 5:15] = 255  # 40 high, 10 wide
    digit = images.as_mnist(picture, "x.png")
    rows, columns = np.flatnonzero(digit.any(axis=1)), np.flatnonzero(digit.any(axis=0))
    assert (len(rows), len(columns)) == (20, 5)
    assert abs(rows.mean() - 14) <= 0.5
    assert abs(columns.mean() - 14) <= 0.5


def test_what_is_no_picture_is_said(tmp_path: Path) -> None:
    good = tmp_path / "good.png"
    Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).save(good)
    content = good.read_bytes()
    for name, data, message in (
        ("text.png", b"hello", "is no PNG"),
        ("empty.png", b"", "is no PNG"),
        ("cut.png", content[:-30], "can't be read|is damaged"),
        ("bad.png", content[:50] + b"\xff" + content[51:], "can't be read|is damaged"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DataError, match=f"{name}: ({message})"):
            images.read(tmp_path / name)
    with pytest.raises(DataError, match=r"missing\.png: can't be read: No such file"):
        images.read(tmp_path / "missing.png")
    with pytest.raises(DataError, match="can't be read: Is a directory"):
        images.read(tmp_path)


@pytest.mark.parametrize("side", [7_000, 30_000])
def test_a_huge_picture_is_refused_before_it_is_decoded(tmp_path: Path, side: int) -> None:
    """The second is what Pillow calls a decompression bomb."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    path = tmp_path / "bomb.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b""))
    with pytest.raises(DataError, match="pixels; make it smaller, 40,000,000 are the most"):
        images.read(path)


def test_other_data_than_mnist_only_have_their_size_and_lightness() -> None:
    dark = np.zeros((16, 32))
    dark[4:12, 8:24] = 255
    light = images.as_trained(dark, (8, 8), True, "x.png")
    assert light.shape == (8, 8)
    assert light[0, 0] == 1
    assert light[4, 4] == 0
    assert images.as_trained(dark, (8, 8), False, "x.png")[4, 4] == 1


def test_a_picture_for_a_run_on_other_data(small_data: str) -> None:
    """The bars of the small data, drawn large: dark data, so a light page is inverted."""
    run = train(Settings(data=small_data, iterations=300, optimizer="Adam")).run
    for label in range(3):
        page = np.full((80, 80), 200, np.uint8)
        page[10 + 20 * label : 30 + 20 * label] = 20
        Image.fromarray(page).save(f"{label}.png")
    assert [p.label for p in predict(run, ["0.png", "1.png", "2.png"])] == ["0", "1", "2"]
