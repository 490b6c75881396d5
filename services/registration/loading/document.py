"""A YAML file as a tree that knows the line of each value, decoded into contract models with every fault noted."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, cast, get_args, get_origin

import yaml
from pydantic import BaseModel
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from services.registration.loading.faults import Faults, Place, nearest
from services.registration.loading.files import read_text
from services.registration.loading.scalars import READERS, Unreadable, one_of
from shared.messages import Message

type Step = str | int
type Steps = tuple[Step, ...]

UNREADABLE = object()
SET_AT_LOADING = frozenset({"version"})  # counted by whoever saves the campaign, never written in the file


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
        return Place(self.file, found.start_mark.line + 1, _field(path))

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

    def each[M: BaseModel](self, model: type[M], *path: Step) -> Iterator[tuple[Steps, M]]:
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


def _field(path: Steps) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def open_document(path: Path, faults: Faults) -> Document | None:
    """The file's tree, or nothing when it is not YAML (with a fault)."""
    text = read_text(path, faults)
    if text is None:
        return None
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        faults.add(
            Place(path.name, _line_of(error, text)),
            Message("Tệp sai cú pháp YAML: {reason}.", reason=getattr(error, "problem", None) or getattr(error, "reason", "?")),
            Message("Kiểm tra thụt dòng, dấu hai chấm và dấu ngoặc kép quanh dòng này."),
        )
        return None
    if root is None:
        faults.add(Place(path.name, 1), Message("Tệp trống."), Message("Ghi nội dung của phong trào vào tệp."))
    return root and Document(path.name, root)


def _line_of(error: yaml.YAMLError, text: str) -> int:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    return mark.line + 1 if mark else text.count("\n", 0, getattr(error, "position", 0)) + 1


class Decoder:
    """Turns nodes into models; a value that cannot be read is noted and left out, its neighbours are still read."""

    def __init__(self, document: Document, faults: Faults) -> None:
        self._document = document
        self._faults = faults

    def decode(self, node: Node, kind: Any, path: Steps = ()) -> Any:
        """The node as `kind` (a model, tuple[X, ...], X | None, Literal, enum or plain type), or UNREADABLE."""
        value = self._decode(node, kind, path)
        if value is not UNREADABLE:
            self._document.values[path] = value
        return value

    def _decode(self, node: Node, kind: Any, path: Steps) -> Any:
        if get_origin(kind) in (Union, UnionType):
            return None if _is_null(node) else self._decode(node, get_args(kind)[0], path)
        if get_origin(kind) is tuple:
            return self._list(node, get_args(kind)[0], path)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return self._model(node, kind, path)
        return self._scalar(node, kind, path)

    def _scalar(self, node: Node, kind: Any, path: Steps) -> Any:
        if not isinstance(node, ScalarNode) or _is_null(node):
            return self._unreadable(path, Message("Cần một giá trị ở đây."), Message("Ghi một giá trị trên cùng dòng."))
        try:
            if get_origin(kind) is Literal:
                return one_of(node.value, get_args(kind))
            if isinstance(kind, type) and issubclass(kind, Enum):
                return kind(one_of(node.value, [member.value for member in kind]))
            return READERS[kind](node.value)
        except Unreadable as wrong:
            return self._unreadable(path, wrong.message, wrong.cure)

    def _list(self, node: Node, kind: Any, path: Steps) -> Any:
        if not isinstance(node, SequenceNode):
            return self._unreadable(path, Message("Cần một danh sách ở đây."), Message('Ghi mỗi mục một dòng, bắt đầu bằng "- ".'))
        read = tuple([self.decode(child, kind, (*path, n)) for n, child in enumerate(node.value)])
        return UNREADABLE if UNREADABLE in read else read

    def _model(self, node: Node, model: type[BaseModel], path: Steps) -> Any:
        if not isinstance(node, MappingNode):
            return self._unreadable(path, Message("Cần các dòng dạng tên: giá trị ở đây."), self._keys_cure(model))
        children = self._children(node, model, path)
        read = {name: self.decode(child, model.model_fields[name].annotation, (*path, name)) for name, child in children.items()}
        missing = [n for n, f in model.model_fields.items() if f.is_required() and n not in children and n not in SET_AT_LOADING]
        for name in missing:
            self._unreadable((*path, name), Message('Thiếu "{name}".', name=name), Message('Thêm dòng "{name}: …".', name=name))
        return UNREADABLE if missing or UNREADABLE in read.values() else model(**read)

    def _children(self, node: MappingNode, model: type[BaseModel], path: Steps) -> dict[str, Node]:
        known = [name for name in model.model_fields if name not in SET_AT_LOADING]
        children: dict[str, Node] = {}
        for key, value in node.value:
            name = str(key.value) if isinstance(key, ScalarNode) else "?"
            place = Place(self._document.file, key.start_mark.line + 1, _field((*path, name)))
            if name not in known:
                self._faults.add(place, Message('Không có mục nào tên "{name}".', name=name), nearest(name, known))
            elif name in children:
                self._faults.add(place, Message('"{name}" được ghi hai lần.', name=name), Message("Giữ lại một dòng."))
            else:
                children[name] = value
        return children

    def _keys_cure(self, model: type[BaseModel]) -> Message:
        return Message("Ghi một trong: {names}.", names=", ".join(model.model_fields))

    def _unreadable(self, path: Steps, message: Message, cure: Message) -> Any:
        self._faults.add(self._document.place(*path), message, cure)
        return UNREADABLE


def _is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.tag == "tag:yaml.org,2002:null"
