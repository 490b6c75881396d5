"""How a unit is scored, watched and ranked: pure decisions on exact rational numbers, no I/O, no clock."""

RULES_VERSION = "2023.2"
"""Changes whenever the same facts could get another score or rank; a frozen ranking names the version it used."""
