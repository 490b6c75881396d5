"""What registration measures for the whole installation: the age of the newest backup, and how long the certificate is good."""

import asyncio

from shared import measures
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
