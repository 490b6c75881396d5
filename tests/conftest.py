"""Fixtures for all tests, see shared/testing; how examples are sought; and the figures that tests measured, told at the end."""

from hypothesis import HealthCheck
from hypothesis import settings as seeking

from shared.testing.fixtures import app_of, broker, database_kind, database_url, nats_url, settings

__all__ = ["app_of", "broker", "database_kind", "database_url", "nats_url", "settings"]

seeking.register_profile("same", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
seeking.register_profile("new", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
seeking.load_profile("same")
"""The same examples each time, on however busy a machine; `make test ARGS=--hypothesis-profile=new` seeks others."""


def pytest_terminal_summary(terminalreporter):
    reports = [report for found in terminalreporter.stats.values() for report in found if hasattr(report, "user_properties")]
    figures = {text: None for report in reports for name, text in report.user_properties if name == "figure"}
    if figures:
        terminalreporter.section("figures")
        terminalreporter.write_line("\n".join(figures))
