"""A report as a workbook: made for one unit and round, filled in away from the system, read back with the rules of the form."""
