"""Writes letters."""

import actors

actors.work("writer", "scored", "notification")
