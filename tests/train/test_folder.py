import json
import threading
from pathlib import Path

import pytest

from backhand.errors import OptionError, RunError
from backhand.train.folder import Config, RunFolder, create, find
from backhand.train.settings import Settings


@pytest.fixture
def config() -> Config:
    return Config(Settings().checked(), {"sha256": "0"})


def test_runs_count_up_from_the_highest_number(tmp_path: Path, config: Config) -> None:
    assert [create(tmp_path / "runs", None, config).path.name for _ in range(2)] == ["mnist-001", "mnist-002"]
    (tmp_path / "runs" / "mnist-017").mkdir()
    assert create(tmp_path / "runs", None, config).path.name == "mnist-018"


def test_the_datas_file_gives_the_name(tmp_path: Path) -> None:
    config = Config(Settings(data="/x/My digits (2).csv"), {})
    assert create(tmp_path, None, config).path.name == "My-digits-2-001"


def test_processes_that_start_at_once_get_folders_of_their_own(tmp_path: Path, config: Config) -> None:
    made: list[str] = []
    barrier = threading.Barrier(8)

    def make() -> None:
        barrier.wait()
        for _ in range(5):
            made.append(create(tmp_path, None, config).path.name)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == len(made) == 40
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_name_that_is_taken_is_refused_with_both_ways_out(tmp_path: Path, config: Config) -> None:
    create(tmp_path, "mine", config)
    with pytest.raises(RunError, match=r"mine is there already; continue it with --resume .*, or choose another"):
        create(tmp_path, "mine", config)


@pytest.mark.parametrize("name", ["", " ", "a/b", "..", ".hidden", "a\0b"])
def test_a_name_that_is_no_folder_name_is_refused(tmp_path: Path, config: Config, name: str) -> None:
    with pytest.raises(OptionError, match="plain folder name"):
        create(tmp_path, name, config)


def test_what_the_disk_refuses_is_said(tmp_path: Path, config: Config) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="can't be written"):
        create(tmp_path / "file", None, config)
    with pytest.raises(RunError, match="File name too long"):
        create(tmp_path, "x" * 300, config)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_run_is_found_by_path_and_by_name_and_others_are_listed(tmp_path: Path, config: Config) -> None:
    create(tmp_path / "runs", "one", config)
    assert find("one", tmp_path / "runs").path == find(tmp_path / "runs" / "one", Path("elsewhere")).path
    with pytest.raises(RunError, match=r"two: is no run .*; in .*runs there are one"):
        find("two", tmp_path / "runs")
    with pytest.raises(RunError, match="there are no runs in nowhere"):
        find("two", Path("nowhere"))


def test_config_there_and_back_and_damaged(tmp_path: Path, config: Config) -> None:
    folder = create(tmp_path, "run", config)
    assert folder.config() == config
    path = folder.path / "config.json"
    document = json.loads(path.read_text())
    for text, message in (
        ("", "is no config of a run"),
        ("[]", "is no config of a run"),
        ("[" * 10_000, "is no config of a run"),
        (json.dumps({**document, "schema": 99}), "has schema 99; this backhand reads 1"),
        (json.dumps({**document, "settings": {}}), "the settings need exactly"),
    ):
        path.write_text(text)
        with pytest.raises(RunError, match=message):
            folder.config()
    path.write_bytes(b"\xff")
    with pytest.raises(RunError, match="is no config of a run"):
        folder.config()


def test_one_process_at_a_time_trains_a_run(tmp_path: Path, config: Config) -> None:
    folder = create(tmp_path, "run", config)
    with folder.locked(), pytest.raises(RunError, match="is being trained by another process"), folder.locked():
        pass
    with folder.locked():
        pass
    assert RunFolder(folder.path).config() == config
