import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from backhand.data import load_dataset
from backhand.errors import DataError

RNG = np.random.default_rng(5)


def png(pixels: np.ndarray) -> bytes:
    """A grayscale PNG by the letter of the PNG specification, so that no image library is its own oracle."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = pixels.shape
    lines = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def fill(folder, classes, count, shape=(5, 4)):
    """Random images by class; returns them by class in the order of their names."""
    images = {}
    for name in classes:
        (folder / name).mkdir(parents=True)
        images[name] = [RNG.integers(0, 256, shape, dtype=np.uint8) for _ in range(count)]
        for i, image in enumerate(images[name]):
            (folder / name / f"{i:03}.png").write_bytes(png(image))
    return images


def error(source, named):
    with pytest.raises(DataError) as caught:
        load_dataset(source)
    assert str(named) in str(caught.value)
    return str(caught.value)


def test_folders_are_classes_and_every_seventh_image_is_for_testing(tmp_path):
    images = fill(tmp_path, ["cat", "ant", "bee"], 8)
    (tmp_path / ".DS_Store").touch()
    (tmp_path / "cat" / ".hidden").touch()
    data = load_dataset(tmp_path)
    assert data.classes == ("ant", "bee", "cat")
    assert data.x_train.dtype == np.uint8
    np.testing.assert_array_equal(data.x_test, [[images[name][6]] for name in data.classes])
    np.testing.assert_array_equal(data.t_test, [0, 1, 2])
    train = [[images[name][i]] for name in data.classes for i in (0, 1, 2, 3, 4, 5, 7)]
    np.testing.assert_array_equal(data.x_train, train)
    np.testing.assert_array_equal(data.t_train, np.repeat([0, 1, 2], 7))


def test_train_and_test_folders(tmp_path):
    train = fill(tmp_path / "train", ["10", "9", "2"], 2)
    test = fill(tmp_path / "test", ["9", "10"], 1)
    data = load_dataset(tmp_path)
    assert data.classes == ("2", "9", "10")  # as numbers
    np.testing.assert_array_equal(data.x_train[:, 0], train["2"] + train["9"] + train["10"])
    np.testing.assert_array_equal(data.t_train, [0, 0, 1, 1, 2, 2])
    np.testing.assert_array_equal(data.x_test[:, 0], test["9"] + test["10"])
    np.testing.assert_array_equal(data.t_test, [1, 2])


def test_black_and_white_images(tmp_path):
    fill(tmp_path, ["a"], 6, (2, 2))
    Image.fromarray(np.array([[False, True], [True, False]])).save(tmp_path / "a" / "z.PNG")
    data = load_dataset(tmp_path)
    np.testing.assert_array_equal(data.x_test[0, 0], [[0, 255], [255, 0]])


def test_images_of_two_sizes(tmp_path):
    fill(tmp_path, ["a"], 7)
    path = tmp_path / "a" / "005.png"
    path.write_bytes(png(np.zeros((4, 5), np.uint8)))
    assert "is 5x4 pixels, and" in error(tmp_path, path)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "LA", "I;16"])
def test_images_that_are_not_gray(tmp_path, mode):
    fill(tmp_path, ["a"], 7)
    path = tmp_path / "a" / "003.png"
    Image.new(mode, (4, 5)).save(path)
    assert f"(its mode is {mode}); convert it to mode L" in error(tmp_path, path)


def lying(width, height):
    """A valid header of that size, and next to no pixels."""
    content = bytearray(png(np.zeros((1, 1), np.uint8)))
    content[16:24] = struct.pack(">2I", width, height)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    return bytes(content)


def encoded(image_format):
    """A grayscale image of the right size in another format."""
    file = io.BytesIO()
    Image.fromarray(np.zeros((5, 4), np.uint8)).save(file, image_format)
    return file.getvalue()


GOOD = png(np.zeros((5, 4), np.uint8))
BAD = {
    "empty": b"",
    "text": b"not an image",
    "truncated": GOOD[:-20],
    "checksum": GOOD[:45] + bytes([GOOD[45] ^ 1]) + GOOD[46:],
    "claims 2**62 pixels": lying(2**31 - 1, 2**31 - 1),
    "claims 2**31 pixels": lying(2**16, 2**15),
    "claims 10**8 pixels": lying(10**4, 10**4),
    "JPEG": encoded("JPEG"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("name", ["000.png", "004.png"])
def test_unreadable_images(tmp_path, case, name):
    fill(tmp_path, ["a"], 7)
    path = tmp_path / "a" / name
    path.write_bytes(BAD[case])
    error(tmp_path, path)


def test_folders_that_are_no_dataset(tmp_path):
    assert "is empty" in error(tmp_path, tmp_path)
    (tmp_path / "a").mkdir()
    assert "no PNG image" in error(tmp_path, tmp_path)
    (tmp_path / "a" / "photo.jpg").touch()
    assert "convert it to PNG" in error(tmp_path, tmp_path / "a" / "photo.jpg")
    (tmp_path / "a" / "photo.jpg").unlink()
    (tmp_path / "notes.txt").touch()
    error(tmp_path, tmp_path / "notes.txt")


def test_train_without_test_and_classes_that_only_test_has(tmp_path):
    fill(tmp_path / "train", ["a", "b"], 2)
    error(tmp_path, tmp_path)
    fill(tmp_path / "test", ["a", "c"], 2)
    assert "classes ['c'] are not in" in error(tmp_path, tmp_path / "test")
