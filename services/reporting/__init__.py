"""Reporting: rounds, reports, observations from partners, reconciliation, completeness and timeliness."""
