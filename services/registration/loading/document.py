"""A YAML file as a tree that knows the line of each value."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

import yaml
from pydantic import BaseModel
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from services.registration.loading.faults import Faults, Place
from services.registration.loading.files import read_text
from shared.messages import Message

Step = str | int
Steps = tuple[Step, ...]
M = TypeVar("M", bound=BaseModel)


@dataclass
class Document:
    """The nodes of one file and, once decoded, the sound values by their path."""

    file: str
    root: Node
    values: dict[Steps, Any] = field(default_factory=dict)

    def node(self, *path: Step) -> Node | None:
        """The node at a path, if the file has one."""
        found: Node | None = self.root
        for step in path:
            found = _child(found, step)
        return found

    def place(self, *path: Step) -> Place:
        """The line where the value stands, or else where the nearest thing around it begins."""
        found = self.root
        for step in path:
            if (deeper := _child(found, step)) is None:
                break
            found = deeper
        return Place(self.file, found.start_mark.line + 1, field_name(path))

    def text(self, *path: Step) -> str | None:
        """The value as it is written, sound or not."""
        node = self.node(*path)
        return node.value if isinstance(node, ScalarNode) else None

    def entries(self, *path: Step) -> list[Steps]:
        """The paths of a list's entries."""
        node = self.node(*path)
        return [(*path, n) for n in range(len(node.value))] if isinstance(node, SequenceNode) else []

    def names(self, section: str, key: str = "code") -> set[str]:
        """The codes that a section declares, also those of entries with faults of their own."""
        return {text for path in self.entries(section) if (text := self.text(*path, key))}

    def each(self, model: type[M], *path: Step) -> Iterator[tuple[Steps, M]]:
        """The sound entries of a list, with their paths."""
        for entry in self.entries(*path):
            if isinstance(value := self.values.get(entry), model):
                yield entry, value


def _child(node: Node | None, step: Step) -> Node | None:
    if isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
        return cast(Node, node.value[step])
    if isinstance(node, MappingNode):
        return next((value for key, value in node.value if isinstance(key, ScalarNode) and key.value == step), None)
    return None


def field_name(path: Steps) -> str:
    """A path as people read it: rounds[1].deadline."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def open_document(path: Path, faults: Faults) -> Document | None:
    """The file's tree, or nothing when it is not YAML (with a fault)."""
    text = read_text(path, faults)
    if text is None:
        return None
    try:
        # The parser in C is seven times faster, but deep nesting ends the whole process there instead of raising.
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        faults.add(
            Place(path.name, mark.line + 1 if mark else 1),
            Message("Tệp sai cú pháp YAML: {reason}.", reason=getattr(error, "problem", None) or error),
            Message("Kiểm tra thụt dòng, dấu hai chấm và dấu ngoặc kép quanh dòng này."),
        )
        return None
    if root is None:
        faults.add(Place(path.name, 1), Message("Tệp trống."), Message("Ghi nội dung của phong trào vào tệp."))
        return None
    return Document(path.name, root)
