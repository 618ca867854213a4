"""Gradient checks inside of a test suite, with pytest or without.

With pytest, one line tests every layer of a file, each as a test of its own::

    from backhand.testing import gradient_tests

    test_gradients = gradient_tests("layers.py")
"""

from backhand.checking.assertions import assert_gradients, gradient_tests

__all__ = ["assert_gradients", "gradient_tests"]
