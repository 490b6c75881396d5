"""What every service's pages and JSON API have in common."""
