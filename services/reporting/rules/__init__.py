"""Pure decisions of reporting: what a figure must be, what looks odd, when a report is on time, when a round is locked."""
