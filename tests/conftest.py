"""Fixtures for all tests; see shared/testing."""

from shared.testing.fixtures import app_of, broker, database_kind, database_url, nats_url, settings

__all__ = ["app_of", "broker", "database_kind", "database_url", "nats_url", "settings"]
