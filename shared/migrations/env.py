"""Run by Alembic: uses the connection and the tables that `shared.migrations` hands over."""

from typing import Any

from alembic import context
from alembic.script import ScriptDirectory

from shared.migrations import compatible

config = context.config
connection = config.attributes["connection"]


def note_programs(*_: object, **told: Any) -> None:
    """With each revision, in its transaction; Alembic tells the `heads` at which the tables are then."""
    past = [script for head in told["heads"] for script in ScriptDirectory.from_config(config).iterate_revisions(head, "base")]
    compatible.write(connection, compatible.programs(past[::-1]))


context.configure(
    connection=connection,
    target_metadata=config.attributes["metadata"],
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
    user_module_prefix="database.",
    include_name=lambda name, kind, _: (kind, name) != ("table", compatible.TABLE),
    on_version_apply=note_programs,
)

with context.begin_transaction():
    context.run_migrations()
connection.commit()
