"""A newer version of the program, as far as tables and streams tell of it: more revisions, and a declaration of its own."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from services import local
from shared import migrations, streams
from shared.settings import SERVICES, Settings

REVISION = '''
"""A newer version's."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"
branch_labels = None
depends_on = None
{floor}

def upgrade() -> None:
    op.create_table("{revision}", sa.Column("id", sa.Integer(), primary_key=True))


def downgrade() -> None:
    op.drop_table("{revision}")
'''


def following(revision: str, by: int = 1) -> str:
    """The name of a later revision."""
    service, _, number = revision.rpartition("_")
    return f"{service}_{int(number) + by:04d}"


@contextlib.contextmanager
def newer(folder: Path, floor: int | None = None) -> Iterator[None]:
    """This process knows two revisions more of each service; with `floor`, the second runs only programs that know the first (1) or itself (2)."""
    for service in SERVICES:
        head = str(migrations.head_of(service))
        versions = shutil.copytree(migrations.folder_of(service) / "versions", folder / service / "versions", dirs_exist_ok=True)
        for by in (1, 2):
            named = f'floor = "{following(head, floor)}"' if floor and by == 2 else ""
            text = REVISION.format(revision=following(head, by), before=following(head, by - 1), floor=named)
            (versions / f"{following(head, by)}.py").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrations, "folder_of", lambda service: folder / service)
        patch.setattr(streams, "DECLARATION", streams.DECLARATION + 1)
        patch.setattr(streams, "CLOCK_MAX_MESSAGES", streams.CLOCK_MAX_MESSAGES // 2)
        yield


async def upgraded(settings: Settings, folder: Path, floor: int | None = None) -> None:
    """What `migrate` and `provision` of the newer version leave behind."""
    with newer(folder, floor):
        await local.migrate_all(settings)
        await local.provision(settings)
