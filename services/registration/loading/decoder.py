"""Decodes a document into contract models; a value that cannot be read is noted and its neighbours are still read."""

from enum import Enum
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from services.registration.loading.document import Document, Steps, field_name
from services.registration.loading.faults import Faults, Place, nearest
from services.registration.loading.scalars import READERS, UnreadableError, one_of
from shared.messages import Message

UNREADABLE = object()
SET_AT_LOADING = frozenset({"version"})  # counted by whoever saves the campaign, never written in the file


class Decoder:
    """Turns nodes into values and keeps the sound ones in the document."""

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
        except UnreadableError as wrong:
            return self._unreadable(path, wrong.message, wrong.cure)

    def _list(self, node: Node, kind: Any, path: Steps) -> Any:
        if not isinstance(node, SequenceNode):
            return self._unreadable(
                path, Message("Cần một danh sách ở đây."), Message('Ghi mỗi mục một dòng, bắt đầu bằng "- ".')
            )
        read = tuple([self.decode(child, kind, (*path, n)) for n, child in enumerate(node.value)])
        return UNREADABLE if UNREADABLE in read else read

    def _model(self, node: Node, model: type[BaseModel], path: Steps) -> Any:
        if not isinstance(node, MappingNode):
            return self._unreadable(path, Message("Cần các dòng dạng tên: giá trị ở đây."), self._keys_cure(model))
        children = self._children(node, model, path)
        read = {
            name: self.decode(child, model.model_fields[name].annotation, (*path, name))
            for name, child in children.items()
        }
        missing = [n for n, f in model.model_fields.items() if f.is_required() and n not in children]
        for name in missing:
            self._unreadable(
                (*path, name), Message('Thiếu "{name}".', name=name), Message('Thêm dòng "{name}: …".', name=name)
            )
        return UNREADABLE if missing or UNREADABLE in read.values() else model(**read)

    def _children(self, node: MappingNode, model: type[BaseModel], path: Steps) -> dict[str, Node]:
        known = [name for name in model.model_fields if name not in SET_AT_LOADING]
        children: dict[str, Node] = {}
        for key, value in node.value:
            name = str(key.value) if isinstance(key, ScalarNode) else "?"
            place = Place(self._document.file, key.start_mark.line + 1, field_name((*path, name)))
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
