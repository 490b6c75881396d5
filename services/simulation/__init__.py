"""Plays a movement in simulated time through the same doors that people and partner systems use: JSON APIs and the broker."""
