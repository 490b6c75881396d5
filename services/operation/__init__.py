"""What the provincial IT service does with a running installation: examine it, back it up, restore it, rehearse a deadline day."""
