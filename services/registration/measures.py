"""What registration measures for the whole installation: the age of the newest backup, and how long the certificate is good."""

import asyncio

from services.registration import partner_keys
from shared import gates, measures, permissions
from shared.security import wall_now
from shared.service import Service


async def backup(service: Service) -> None:
    """When the newest backup was made; 0 when there is none."""
    if service.settings.backups is not None:
        made = await asyncio.to_thread(measures.newest_backup, service.settings.backups)
        service.telemetry.backup.labels(str(service.settings.backups)).set(made.timestamp() if made else 0)


async def certificate(service: Service) -> None:
    """Until when the certificate of the public address is good."""
    address = service.settings.public_url
    if address.startswith("https://") and (expiry := await measures.certificate_expiry(address)):
        service.telemetry.certificate.labels(address).set(expiry.timestamp())


async def broker_accounts(service: Service) -> None:
    """Whether the broker lets in exactly the partners' keys that hold now: its include file has them, and every server has read that file."""
    file = service.settings.broker_accounts
    if file is not None:
        async with service.database.read() as session:
            wanted = await partner_keys.nkeys_of_all(session, wall_now())
        held = permissions.partners_in(await asyncio.to_thread(file.read_text, "utf-8"))
        current = held == {client: set(nkeys) for client, nkeys in wanted.items() if nkeys} and not await gates.behind(service.settings, file)
        service.telemetry.broker_accounts.labels(str(file)).set(current)
