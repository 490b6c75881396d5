"""Alertmanager as deploy/alertmanager starts it, and Prometheus with the alarms of deploy/ beside it; both Debian's, on loopback."""

import asyncio
import contextlib
import os
import re
import shutil
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import yaml

from shared.bundled import _die_with_parent, free_port
from tests.faults.stand import until
from tests.operation.kubernetes import DEPLOY

PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
"""Debian calls it by the first name, its makers by the second."""
HOST = "thidua.laichau.example"
RUNBOOKS = f"https://{HOST}/runbooks"
ROUTES = re.compile(r"(group_wait|group_interval|repeat_interval): \w+")


def environment(folder: Path, smtp_url: str, **settings: str) -> dict[str, str]:
    """What compose gives the container; what it writes goes into `folder`."""
    (folder / "smtp-url").write_text(smtp_url)
    files = {"SMTP_URL_FILE": str(folder / "smtp-url"), "CONFIGURATION": str(folder / "alertmanager.yml")}
    return os.environ | files | {"HOST": HOST, "MAIL_FROM": "thidua@laichau.example"} | settings


def hurried(folder: Path) -> Path:
    """A copy of deploy/alertmanager that waits a second for each letter; it repeats nothing within a test."""
    shutil.copytree(DEPLOY / "alertmanager", folder / "alertmanager")
    routes = folder / "alertmanager" / "routes.yml"
    soon = {"group_wait": "1s", "group_interval": "1s", "repeat_interval": "1h"}
    routes.write_text(ROUTES.sub(lambda found: f"{found[1]}: {soon[found[1]]}", routes.read_text(encoding="utf-8")), encoding="utf-8")
    return folder / "alertmanager" / "start"


@contextlib.asynccontextmanager
async def running(log: Path, *command: str, port: int, told: Mapping[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    """A server that says at /-/ready when it is; ended afterwards."""
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(*command, env=told, stdout=out, stderr=out, preexec_fn=_die_with_parent)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:

            async def ready() -> bool:
                with contextlib.suppress(httpx.TransportError):
                    return (await client.get("/-/ready")).status_code == 200
                return False

            await until(ready, 60, log.read_text)
            yield client
    finally:
        process.terminate()
        await process.wait()


def alertmanager(folder: Path, smtp_url: str, **settings: str) -> contextlib.AbstractAsyncContextManager[httpx.AsyncClient]:
    """Started by the script that the container starts with, in a hurry."""
    port = free_port()
    told = environment(folder, smtp_url, ALERTMANAGER=PROGRAM or "", **settings)
    options = (f"--storage.path={folder}/alertmanager-data", f"--web.listen-address=127.0.0.1:{port}")
    return running(folder / "alertmanager.log", "sh", str(hurried(folder)), *options, port=port, told=told)


def prometheus(
    folder: Path, services: Mapping[str, int], to: httpx.AsyncClient, every: str = "500ms"
) -> contextlib.AbstractAsyncContextManager[httpx.AsyncClient]:
    """With the configuration and the alarms of deploy/, asking the services at these ports so often; alarms wait no minute."""
    port = free_port()
    shutil.copytree(DEPLOY / "prometheus", folder / "prometheus")
    alarms = folder / "prometheus" / "alarms.yml"
    alarms.write_text(re.sub(r"\bfor: \d+m", "for: 2s", alarms.read_text(encoding="utf-8")), encoding="utf-8")
    file = folder / "prometheus" / "prometheus.yml"
    made = _here(yaml.safe_load(file.read_text(encoding="utf-8")), services, to.base_url.netloc.decode(), port)
    made["global"] |= dict.fromkeys(("scrape_interval", "scrape_timeout", "evaluation_interval"), every)
    file.write_text(yaml.safe_dump(made), encoding="utf-8")
    options = (f"--config.file={file}", f"--storage.tsdb.path={folder}/prometheus-data", f"--web.listen-address=127.0.0.1:{port}")
    told = os.environ | {"HOST": HOST, "RUNBOOKS": RUNBOOKS}
    return running(folder / "prometheus.log", "prometheus", *options, "--enable-feature=expand-external-labels", port=port, told=told)


def _here(configuration: dict, services: Mapping[str, int], alertmanager: str, port: int) -> dict:
    """The same configuration with the addresses of this machine."""
    jobs = {job["job_name"]: job for job in configuration["scrape_configs"] if job["job_name"] != "collector"}
    jobs["thidua"]["static_configs"] = [one for one in jobs["thidua"]["static_configs"] if one["labels"]["service"] in services]
    for one in jobs["thidua"]["static_configs"]:
        one["targets"] = [f"127.0.0.1:{services[one['labels']['service']]}"]
    jobs["alertmanager"]["static_configs"][0]["targets"] = [alertmanager]
    jobs["prometheus"]["static_configs"][0]["targets"] = [f"127.0.0.1:{port}"]
    configuration["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [alertmanager]
    return configuration | {"scrape_configs": list(jobs.values())}
