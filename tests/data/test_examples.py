"""The examples in docs/data.md do what they say."""

import doctest
from pathlib import Path


def test_the_page_about_data():
    page = Path(__file__).parents[2] / "docs" / "data.md"
    failed, attempted = doctest.testfile(str(page), module_relative=False)
    assert failed == 0
    assert attempted > 20
