"""Scores reports."""

import actors

actors.work("scorer", "accepted", "evaluation")
