"""Opaque keys: UUIDv7, so that rows made later sort later."""

import uuid_utils


def new_id() -> str:
    """A new UUIDv7 as text, 36 characters."""
    return str(uuid_utils.uuid7())
