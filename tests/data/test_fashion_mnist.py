"""Tiny files in the place of the real ones, and a web server on this machine in the place of the mirrors."""

import functools
import gzip
import hashlib
import http.server
import struct
import threading

import numpy as np
import pytest

from backhand.data import fashion_mnist, load_dataset
from backhand.data.mnist import IdxFile
from backhand.errors import DataError

RNG = np.random.default_rng(9)
ARRAYS = {
    "x_train": RNG.integers(0, 256, (12, 28, 28), dtype=np.uint8),
    "t_train": RNG.integers(0, 10, 12, dtype=np.uint8),
    "x_test": RNG.integers(0, 256, (3, 28, 28), dtype=np.uint8),
    "t_test": RNG.integers(0, 10, 3, dtype=np.uint8),
}


def idx(array):
    return struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        self.server.asked.append(self.path)


@pytest.fixture
def web(tmp_path):
    """A folder, its address, and the list of paths asked for."""
    folder = tmp_path / "web"
    folder.mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder)) as server:
        server.asked = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}/", server.asked
        server.shutdown()
        thread.join()


@pytest.fixture
def files(tmp_path, monkeypatch, web, empty_cache):
    """The four gzipped files by name; nothing is anywhere yet, and two mirrors are on this machine."""
    packed = {}
    for part, array in ARRAYS.items():
        name = fashion_mnist.FILES[part].name
        packed[name] = gzip.compress(idx(array), mtime=1)
        file = IdxFile(name, array.shape, hashlib.sha256(idx(array)).hexdigest())
        monkeypatch.setitem(fashion_mnist.FILES, part, file)
        monkeypatch.setitem(fashion_mnist.PUBLISHED_MD5, part, hashlib.md5(packed[name]).hexdigest())
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", tmp_path / "debian")
    monkeypatch.setattr(fashion_mnist, "MIRRORS", (web[1] + "first/", web[1] + "second/"))
    for folder in ("first", "second"):
        (web[0] / folder).mkdir()
    return packed


def put(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def assert_is_fashion(data):
    assert data.classes[9] == "Ankle boot"
    for part, array in ARRAYS.items():
        np.testing.assert_array_equal(getattr(data, part), array[:, None] if part.startswith("x") else array)


def test_debians_recompressed_files_are_taken_without_asking_the_net(files, web):
    put(fashion_mnist.DEBIAN_FOLDER, {name: gzip.compress(gzip.decompress(f), mtime=2) for name, f in files.items()})
    assert_is_fashion(load_dataset("fashion-mnist"))
    assert web[2] == []


def test_your_own_copy_in_the_cache_folder(files, web, empty_cache):
    put(empty_cache / "fashion-mnist", files)
    assert_is_fashion(load_dataset("fashion-mnist"))
    assert web[2] == []


def test_downloaded_once_then_cached(files, web):
    put(web[0] / "first", files)
    assert_is_fashion(load_dataset("fashion-mnist"))
    assert len(web[2]) == 4
    assert_is_fashion(load_dataset("fashion-mnist"))
    assert len(web[2]) == 4


def test_the_second_mirror_serves_what_the_first_lacks_or_has_wrong(files, web):
    name = "t10k-labels-idx1-ubyte.gz"
    put(web[0] / "first", {name: files[name] + b"more"})
    put(web[0] / "second", files)
    assert_is_fashion(load_dataset("fashion-mnist"))
    assert f"/first/{name}" in web[2]
    assert f"/second/{name}" in web[2]


def test_a_damaged_or_altered_copy_on_disk_is_not_taken(files, web, empty_cache):
    put(fashion_mnist.DEBIAN_FOLDER, dict.fromkeys(files, b"damaged"))
    altered = {fashion_mnist.FILES[part].name: idx(array // 2) for part, array in ARRAYS.items()}
    put(empty_cache / "fashion-mnist", altered)
    put(web[0] / "first", files)
    assert_is_fashion(load_dataset("fashion-mnist"))


def test_without_a_net_it_says_what_to_install_and_where_to_put_the_files(files, monkeypatch, empty_cache):
    monkeypatch.setattr(fashion_mnist, "MIRRORS", ("http://127.0.0.1:9/", "http://no-such-host.invalid/"))
    with pytest.raises(DataError) as caught:
        load_dataset("fashion-mnist")
    said = str(caught.value)
    assert "train-images-idx3-ubyte.gz" in said
    assert "Debian's package dataset-fashion-mnist" in said
    assert f"put the four .gz files into {empty_cache / 'fashion-mnist'}" in said
    assert "no-such-host.invalid" in said
    assert not empty_cache.exists()


def test_a_mirror_that_serves_something_else_for_all_is_an_error(files, web):
    for folder in ("first", "second"):
        put(web[0] / folder, dict.fromkeys(files, gzip.compress(idx(np.zeros(5, np.uint8)))))
    with pytest.raises(DataError, match="hash"):
        load_dataset("fashion-mnist")
