"""`thidua` as a process of its own: one that ends by itself, and a service that goes on."""

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE

import httpx

from shared.bundled import _die_with_parent, free_port
from tests.fabric.servers import answering


async def ended(*command: str, **environment: str) -> tuple[int, list[str]]:
    """Exit status and the lines of standard error of `python -m …`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *command, env=os.environ | environment | {"THIDUA_LOG_LEVEL": "error"}, stdout=PIPE, stderr=PIPE
    )
    _, errors = await asyncio.wait_for(process.communicate(), 120)
    return process.returncode, errors.decode().splitlines()


@contextlib.asynccontextmanager
async def started(service: str, **environment: str):
    """`thidua run SERVICE` as a process, once it answers; a function that gives the status of one of its probes."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services", "run", service, env=os.environ | environment | {"THIDUA_PORT": str(port)}, stdout=PIPE, stderr=PIPE,
        preexec_fn=_die_with_parent,
    )  # fmt: skip
    try:
        await answering(f"http://127.0.0.1:{port}/{service}/live")
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/{service}", timeout=20) as client:

            async def probe(name: str) -> int:
                return (await client.get(f"/{name}")).status_code

            yield probe
    finally:
        process.terminate()
        await process.communicate()
