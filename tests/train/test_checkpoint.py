"""A checkpoint is whole or not there; whatever happens to its bytes is noticed."""

import json
from array import array
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from backhand.errors import RunError
from backhand.train import checkpoint
from backhand.train.checkpoint import Checkpoint, newest_first, read, unreadable_and_newest, write
from backhand.train.history import Evaluation, History
from backhand.train.state import take


def example(iteration: int) -> Checkpoint:
    history = History(array("d", range(iteration)), [Evaluation(0, 0.1, 0.2, {"W": 3.0})])
    return Checkpoint(iteration, 1.5, 0.5, history, take({"W": np.full(3, float(iteration))}))


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write(tmp_path, example(7))
    (path,) = newest_first(tmp_path)
    found, expected = read(path), example(7)
    assert (found.iteration, found.seconds, found.loop_seconds) == (7, 1.5, 0.5)
    assert found.history == expected.history
    assert found.state.nodes == json.loads(json.dumps(expected.state.nodes))
    assert found.state.buffers[0].view(float).tolist() == [7.0, 7.0, 7.0]


def test_the_newest_two_are_kept_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / ".000000001-0.safetensors.tmp").write_bytes(b"left by a killed process")
    for iteration in (1, 2, 30):
        write(tmp_path, example(iteration))
    assert [path.name[:9] for path in newest_first(tmp_path)] == ["000000030", "000000002"]
    assert len(list(tmp_path.iterdir())) == 2


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_flipped_bit_and_every_cut_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("checkpoints")
    write(folder, example(1))
    write(folder, example(2))
    path = newest_first(folder)[0]
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        bit = data.draw(st.integers(0, 8 * len(content) - 1))
        content[bit // 8] ^= 1 << (bit % 8)
    else:
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    path.write_bytes(content)
    with pytest.raises(RunError, match="is damaged"):
        read(path)
    complaints, found = unreadable_and_newest(folder)
    assert len(complaints) == 1
    assert path.name in complaints[0]
    assert found is not None
    assert found.iteration == 1


def test_a_damaged_one_that_was_passed_over_goes_when_a_new_one_is_written(tmp_path: Path) -> None:
    write(tmp_path, example(1))
    write(tmp_path, example(9))
    newest_first(tmp_path)[0].write_bytes(b"")
    write(tmp_path, example(5))
    assert [path.name[:9] for path in newest_first(tmp_path)] == ["000000005", "000000001"]


def test_none_readable_is_none(tmp_path: Path) -> None:
    assert unreadable_and_newest(tmp_path / "missing") == ([], None)
    write(tmp_path, example(1))
    newest_first(tmp_path)[0].write_bytes(b"")
    complaints, found = unreadable_and_newest(tmp_path)
    assert found is None
    assert "0 bytes" in complaints[0]


def test_foreign_content_under_a_right_digest_is_an_error_and_runs_nothing(tmp_path: Path) -> None:
    for content in (b"", b"not safetensors", b"\xff" * 8):
        path = tmp_path / f"000000001-{checkpoint._digest(content)}.safetensors"
        path.write_bytes(content)
        with pytest.raises(RunError, match="none that backhand wrote"):
            read(path)
