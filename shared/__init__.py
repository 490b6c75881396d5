"""What the four services have in common: contracts, the event fabric, rights, pages."""
