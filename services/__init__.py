"""The four services, and what puts them together."""
