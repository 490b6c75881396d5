"""The product's own Python files, read as trees: what they import and what they call."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from shared.settings import SERVICES


class Source:
    """One Python file: its path from the root and its tree."""

    def __init__(self, root: Path, path: Path) -> None:
        self.path = path.relative_to(root).as_posix()
        self.text = path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.text)

    @property
    def service(self) -> str:
        """The service to which the file belongs, if it belongs to one."""
        parts = self.path.split("/")
        return parts[1] if parts[0] == "services" and len(parts) > 2 and parts[1] in SERVICES else ""

    @property
    def is_pure(self) -> bool:
        """True in the rooms of pure decisions: rules and scoring, as a file or a folder."""
        rooms = {part.removesuffix(".py") for part in self.path.split("/")[2:]}
        return bool(self.service) and not rooms.isdisjoint({"rules", "scoring"})

    def is_among(self, places: set[str]) -> bool:
        return any(self.path == place or (place.endswith("/") and self.path.startswith(place)) for place in places)

    def nodes(self, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
        return (node for node in ast.walk(self.tree) if isinstance(node, kinds))

    def imports(self) -> Iterator[tuple[int, str]]:
        """(line, dotted name) of everything imported; a text such as "services.reporting.app" counts, for it is imported by name."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                module = self._absolute(node)
                yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"services\.[\w.]*", node.value):
                yield node.lineno, node.value

    def _absolute(self, node: ast.ImportFrom) -> str:
        package = self.path.removesuffix(".py").split("/")[: -node.level] if node.level else []
        return ".".join([*package, *([node.module] if node.module else [])])

    def modules(self) -> set[str]:
        """Names under which modules of this repository are imported."""
        froms = (n for n in self.nodes(ast.ImportFrom) if (n.module or "").partition(".")[0] in {"services", "shared"})  # type: ignore[attr-defined]
        return {alias.asname or alias.name for node in froms for alias in node.names}  # type: ignore[attr-defined]

    def method_calls(self) -> Iterator[tuple[int, str, str]]:
        """(line, last name of the receiver, method) of `a.b.method(...)` and of `@a.b.method(...)`."""
        for node in self.nodes(ast.Call):
            function = node.func  # type: ignore[attr-defined]
            if isinstance(function, ast.Attribute):
                yield node.lineno, last_name(function.value), function.attr  # type: ignore[attr-defined]


def last_name(node: ast.AST) -> str:
    """The name after the last dot of `a.b`, of `a.b()` or of `b`; empty for anything else."""
    if isinstance(node, ast.Call):
        return last_name(node.func)
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def sources(root: Path) -> Iterator[Source]:
    """Every Python file of the product below `root`."""
    return (Source(root, path) for folder in ("services", "shared") for path in sorted((root / folder).rglob("*.py")))
