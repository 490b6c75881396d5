"""Plays a movement in simulated time through the same doors that people and partner systems use. See README.md beside this file."""
