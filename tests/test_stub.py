"""``_core.pyi`` against the extension module: the same names, with the same parameters."""

from __future__ import annotations

import ast
import types
from pathlib import Path
from typing import Any, Optional

import edgert
from edgert import _core

STUB = Path(edgert.__file__).with_name("_core.pyi")
Parameters = list[tuple[str, Optional[str]]]  # names and defaults


def parameters(function: ast.FunctionDef) -> Parameters:
    """The parameters of a definition; all may be given by position."""
    arguments = function.args
    assert ast.unparse(arguments).count("*") == 0, function.name
    names = [argument.arg for argument in arguments.args]
    defaults = [ast.unparse(default) for default in arguments.defaults]
    return list(zip(names, [None] * (len(names) - len(defaults)) + defaults))


def stated(body: list[ast.stmt]) -> dict[str, Any]:
    """What statements of a stub declare: the parameters of a function, the type of anything else,
    of a class a dictionary of the same.
    """
    found: dict[str, Any] = {}
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            found[statement.name] = stated(statement.body)
        elif isinstance(statement, ast.AnnAssign):
            found[statement.target.id] = ast.unparse(statement.annotation)
        elif isinstance(statement, ast.FunctionDef):
            is_property = any(ast.unparse(d) == "property" for d in statement.decorator_list)
            found[statement.name] = "property" if is_property else parameters(statement)
        else:
            assert isinstance(statement, (ast.Import, ast.ImportFrom)), ast.unparse(statement)
    return found


def signature(function: Any) -> Parameters:
    """The parameters of a compiled function, as pybind11 writes them above its docstring."""
    line = function.__doc__.splitlines()[0]
    return parameters(ast.parse(f"def {line}: ...").body[0])


def compiled(owner: types.ModuleType | type) -> dict[str, Any]:
    """The same of the compiled module, or of a type in it. A constructor is called __init__."""
    found: dict[str, Any] = {}
    for name, value in vars(owner).items():
        if name == "__new__":
            found["__init__"] = [("self", None), *signature(value.__func__)[1:]]
        elif name.startswith("_") and name != "__version__":
            continue
        elif isinstance(value, type) and issubclass(value, Exception):
            continue  # edgert.errors has the classes of errors
        elif isinstance(value, type):
            found[name] = compiled(value)
        else:
            found[name] = signature(value) if callable(value) else type(value).__name__
    return found


def test_the_stub_says_what_the_module_has() -> None:
    """Every name, and of functions every parameter: its name, its place, its default."""
    assert stated(ast.parse(STUB.read_text()).body) == compiled(_core)
