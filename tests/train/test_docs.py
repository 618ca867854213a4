import doctest
from pathlib import Path


def test_the_examples_of_the_documentation() -> None:
    page = Path(__file__).parents[2] / "docs" / "train.md"
    failed, attempted = doctest.testfile(str(page), module_relative=False)
    assert attempted > 5
    assert failed == 0
