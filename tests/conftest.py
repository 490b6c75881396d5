"""Fixtures for all tests, see shared/testing; and the figures that tests measured, told at the end."""

from shared.testing.fixtures import app_of, broker, database_kind, database_url, nats_url, settings

__all__ = ["app_of", "broker", "database_kind", "database_url", "nats_url", "settings"]


def pytest_terminal_summary(terminalreporter):
    reports = [report for found in terminalreporter.stats.values() for report in found if hasattr(report, "user_properties")]
    figures = {text: None for report in reports for name, text in report.user_properties if name == "figure"}
    if figures:
        terminalreporter.section("figures")
        terminalreporter.write_line("\n".join(figures))
