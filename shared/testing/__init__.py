"""Real servers for tests: a nats-server each, SQLite files or PostgreSQL databases made by the real migrations, running services."""
