"""Finds every text for people in the sources: first arguments of our Message, of because and _ in Python, of _ in templates."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment
from jinja2.ext import extract_from_ast

CALLS = {"because", "_"}


class Found(NamedTuple):
    """A text with the file and line where it stands; `text` None: not written out there, so nobody can translate it."""

    path: Path
    line: int
    text: str | None


def in_sources(*folders: Path) -> list[Found]:
    """All texts below the folders."""
    return [
        found
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.suffix in {".py", ".html"} and "versions" not in path.parts
        for found in (in_python(path) if path.suffix == ".py" else in_template(path))
    ]


def in_python(path: Path) -> Iterator[Found]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = CALLS | set(_aliases(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and _name(node.func) in names:
            for argument in _branches(node.args[0]):
                yield Found(path, node.lineno, _literal(argument))


def in_template(path: Path) -> Iterator[Found]:
    tree = Environment(autoescape=True).parse(path.read_text(encoding="utf-8"))
    for line, _, texts in extract_from_ast(tree, ("_",)):
        text = texts[0] if isinstance(texts, tuple) else texts  # with parameters there is a tuple, the text comes first
        if text is not None:
            yield Found(path, line, text)


def _aliases(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "shared.messages":
            yield from (name.asname or name.name for name in node.names if name.name == "Message")


def _name(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""


def _branches(argument: ast.expr) -> Iterable[ast.expr]:
    return [*_branches(argument.body), *_branches(argument.orelse)] if isinstance(argument, ast.IfExp) else [argument]


def _literal(argument: ast.expr) -> str | None:
    return argument.value if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else None

