"""A user's own network: loading FILE.py as Python would, and building the class in it."""

import ast
import contextlib
import hashlib
import inspect
import re
import sys
import traceback
from collections.abc import Iterator, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from backhand.errors import BackhandError, NetworkError, OptionError


class Source:
    """``FILE.py:NAME``: the file, and the name of a class in it (or of a function that makes a network, or of one).

    Raises OptionError when that isn't what `spec` is.
    """

    def __init__(self, spec: str) -> None:
        file, colon, self.name = spec.rpartition(":")
        self.path = Path(file if colon else spec).resolve()
        self.spec = spec
        if self.path.is_dir() or not self.path.exists():
            kind = "is a folder" if self.path.is_dir() else "doesn't exist"
            raise OptionError(f"--network {spec}: {self.path} {kind}; give FILE.py:NAME, the class NAME in FILE.py")
        try:
            self.text = self.path.read_bytes()
        except OSError as error:
            raise OptionError(f"--network {spec}: {self.path} can't be read: {error.strerror}") from error
        if not colon or not self.name.isidentifier():
            raise OptionError(
                f"--network {spec}: say which class, as in {file if colon else spec}:{self._classes()[-1]}; "
                f"the file has {', '.join(self._classes())}"
            )

    @property
    def sha256(self) -> str:
        """The digest of the file's bytes."""
        return hashlib.sha256(self.text).hexdigest()

    @contextlib.contextmanager
    def loaded(self) -> Iterator[list[ModuleType]]:
        """Run the file with its folder on ``sys.path``, as ``python FILE.py`` has it; gives the modules of that folder.

        The folder stays there for the block, because a function may import too. After it, the modules are forgotten,
        so that the next file finds its own neighbours of the same names.
        """
        folder = str(self.path.parent)
        before = set(sys.modules)
        sys.path.insert(0, folder)
        try:
            yield [self._run(), *self._neighbours(before)]
        finally:
            with contextlib.suppress(ValueError):  # the code itself may have removed it
                sys.path.remove(folder)
            for module in self._neighbours(before):
                sys.modules.pop(module.__name__, None)

    def _run(self) -> ModuleType:
        name = self.path.stem
        if name in sys.modules or not name.isidentifier():
            name = "_network_" + re.sub(r"\W", "_", name)
        spec = spec_from_file_location(name, self.path)
        if spec is None or spec.loader is None:
            raise OptionError(
                f"--network {self.spec}: {self.path.name} is no Python file; its name needs to end in .py"
            )
        module = module_from_spec(spec)
        sys.modules[name] = module  # dataclasses look their module up there
        with self.blamed("running the file"):
            try:
                spec.loader.exec_module(module)
            except SystemExit as error:
                raise NetworkError(
                    f"{self.path.name}: the file ends Python when it is loaded (exit code {error.code}); "
                    'put what is not a definition under: if __name__ == "__main__":'
                ) from error
        return module

    def _neighbours(self, before: set[str]) -> list[ModuleType]:
        modules = [module for name, module in list(sys.modules.items()) if name not in before]
        folder = self.path.parent
        return [m for m in modules if (file := getattr(m, "__file__", None)) and folder in Path(file).parents]

    def built(self, module: ModuleType, arguments: Sequence[str]) -> Any:
        """The network: NAME called with the arguments, or NAME itself if it is a network already."""
        if self.name not in vars(module):
            raise NetworkError(f"{self.path.name} has no {self.name}; it has {', '.join(self._classes())}")
        thing = vars(module)[self.name]
        if not callable(thing) or (hasattr(thing, "gradient") and not isinstance(thing, type)):
            if arguments:
                raise OptionError(f"{self.spec} is a {type(thing).__name__} already; it takes no arguments")
            return thing
        args, kwargs = parsed(arguments)
        with contextlib.suppress(ValueError):  # some callables have no signature
            self._check_arguments(inspect.signature(thing), args, kwargs)
        with self.blamed(f"{self.name}({', '.join(arguments)})"):
            return thing(*args, **kwargs)

    def _check_arguments(self, signature: inspect.Signature, args: list[Any], kwargs: dict[str, Any]) -> None:
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            needed = [
                p.name for p in signature.parameters.values() if p.default is p.empty and p.kind < p.VAR_POSITIONAL
            ]
            raise NetworkError(
                f"{self.name}{signature}: {error}; give the constructor's arguments after --, as in "
                f"--network {self.spec} -- {' '.join(name + '=...' for name in needed)}".rstrip(" -")
            ) from error

    @contextlib.contextmanager
    def blamed(self, doing: str) -> Iterator[None]:
        """Whatever the user's code raises becomes a NetworkError that names its line."""
        try:
            yield
        except (BackhandError, MemoryError):
            raise
        except Exception as error:
            raise NetworkError(
                f"{self.path.name}: {doing} raised {type(error).__name__}: {error}{self._place(error)}"
            ) from error

    def _place(self, error: Exception) -> str:
        if isinstance(error, SyntaxError) and error.lineno:
            return f" ({error.filename}, line {error.lineno})"
        frames = [f for f in traceback.extract_tb(error.__traceback__) if self.path.parent in Path(f.filename).parents]
        if not frames:
            return ""
        return f" (line {frames[-1].lineno} of {Path(frames[-1].filename).name}: {frames[-1].line})"

    def _classes(self) -> list[str]:
        """The names of the file's classes and functions, found without running it."""
        try:
            body = ast.parse(self.text).body
        except (SyntaxError, ValueError):
            return ["(nothing: it is no valid Python)"]
        classes = [node.name for node in body if isinstance(node, ast.ClassDef)]
        return classes or [n.name for n in body if isinstance(n, ast.FunctionDef)] or ["(no class)"]


def parsed(arguments: Sequence[str]) -> tuple[list[Any], dict[str, Any]]:
    """Positional and named arguments: ``name=value`` is named; a value is a Python literal, or else a string.

    >>> parsed(["784", "[50, 20]", "activation=relu", "std=0.1"])
    ([784, [50, 20]], {'activation': 'relu', 'std': 0.1})
    """
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if equals and name.isidentifier():
            if name in named:
                raise OptionError(f"the argument {name} is given twice: {argument}")
            named[name] = _literal(value)
        elif named:
            raise OptionError(f"the argument {argument!r} stands after {next(iter(named))}=...; put it before")
        else:
            positional.append(_literal(argument))
    return positional, named


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text
