"""compose.yaml runs as deploy/README.md says: line by line, on real networks and volumes, through every step of its life."""

import random
import re
import shutil
import sys
from datetime import timedelta

import pytest

from shared.clock import LOCAL
from shared.security import wall_now
from shared.settings import SERVICES
from tests.operation import composed
from tests.operation.composed import HOST, PASSWORD, REHEARSAL, Composed, lines_after
from tests.operation.conftest import COMPOSED

pytestmark = COMPOSED

LASTING = ("nats", "postgres", *SERVICES, "proxy", "backup")
FINGERPRINT = "SELECT md5(string_agg(t, ',' ORDER BY t)) FROM ({}) AS of(t)".format(
    " UNION ALL ".join(f"SELECT row::text FROM {table} AS row" for table in ("registration.units", "reporting.report_versions", "evaluation.reports"))
)
"""One hash of what was loaded, what people wrote and what another service made of it."""


@pytest.fixture(scope="module")
def town(image, tmp_path_factory):
    """An empty host after the lines of the README up to `.env`."""
    folder = tmp_path_factory.mktemp("host")
    made = Composed(folder, image, composed.stand_ins(folder))
    try:
        made.take_ours()
        made.sh(f"deploy/init {HOST}")
        yield made
    finally:
        made.end()


@pytest.fixture(scope="module")
def running(town):
    """After the lines below "Then:", but for the doctor, who has nothing to say only after the first backup."""
    *lines, doctor = lines_after("name them in `.env`. Then:")
    assert "doctor" in doctor
    for line in lines:
        town.sh(line, PASSWORD if "password" in line else "")
    town.sh("deploy/thidua backup")
    told = town.sh(doctor)
    assert "NOT" not in told
    return town


def test_no_service_starts_before_tables_and_streams_are_made(town):
    """A job that fails keeps the services from starting; the same command goes on once its cause is gone."""
    url = town.deploy / "secrets" / "reporting.database-url"
    right = url.read_text()
    url.write_text(right.replace("reporting:", "reporting:wrong"))
    told = town.sh("deploy/up", fails=True)
    url.write_text(right)
    assert "running migrate" in told
    assert "Không tới được cơ sở dữ liệu của reporting" in told
    assert set(town.containers()) == {"nats", "postgres"}


def test_every_container_is_healthy_and_a_rehearsal_passes_through_the_proxy(running, record_property):
    assert set(running.containers()) == set(LASTING)
    for part in LASTING[:-1]:
        running.sh(f"podman healthcheck run {running.project}_{part}_1")
    answer = f"import httpx; print(httpx.get('https://127.0.0.1/registration/sign-in', verify=False, headers={{'host': '{HOST}'}}).status_code)"
    assert running.sh(f'{sys.executable} -c "{answer}"').strip() == "200", "the published port"
    told = running.sh(f"{REHEARSAL} --minutes 0.5 --prepare 75")
    assert "12 of 12 reports accepted" in told
    assert "FAIL" not in told
    record_property("figure", "compose: " + "; ".join(line for line in told.splitlines() if line.startswith("pass")))


def served(town: Composed) -> str:
    return town.sh(f"{sys.executable} -c \"import ssl; print(ssl.get_server_certificate(('127.0.0.1', 443)))\"").strip()


def test_a_renewed_certificate_is_served_after_the_line_of_its_runbook(running):
    tls = running.deploy / "secrets" / "tls"
    assert served(running) == (tls / "tls.crt").read_text().strip()
    for file in tls.iterdir():
        file.unlink()
    running.sh(f"deploy/init {HOST}")
    runbook = (running.deploy / "runbooks" / "en" / "CertificateExpiring.md").read_text()
    running.sh(f"cd deploy && {re.search('`(podman-compose exec proxy .*?)`', runbook)[1]}")
    assert served(running) == (tls / "tls.crt").read_text().strip()


def test_a_new_image_and_restarts_in_any_order_under_load_lose_nothing(running, record_property):
    """The lines of "A new version", then every service replaced once more, each time in another order."""
    running.sh(f"podman tag {running.settings['IMAGE']} localhost/thidua-test:next")
    with running.start(f"{REHEARSAL} --minutes 1.5 --prepare 75 --answered 60") as rehearsal:
        assert rehearsal.stdout
        assert next((line for line in rehearsal.stdout if "the hour begins" in line), None)
        running.write(IMAGE="localhost/thidua-test:next")
        for line in lines_after("`IMAGE` in `.env`, then"):
            running.sh(line)
        order = random.sample(SERVICES, len(SERVICES))
        for service in order:
            [line] = lines_after("service alone, in whichever order you like:")
            running.sh(line.replace("SERVICE", service))
        told = rehearsal.stdout.read()
    assert rehearsal.returncode == 0, told
    assert "12 of 12 reports accepted" in told
    assert {running.containers()[service] for service in SERVICES} == {"localhost/thidua-test:next"}
    record_property("figure", f"compose, new image, then {', '.join(order)} once more: " + "; ".join(line for line in told.splitlines() if "pass" in line))


def test_down_and_up_or_a_machine_that_was_off_lose_nothing(running):
    before = running.query(FINGERPRINT)
    running.sh("(cd deploy && podman-compose down)")
    assert running.containers() == {}
    running.sh("deploy/up")
    assert running.query(FINGERPRINT) == before != ""
    mine = f"--filter label=io.podman.compose.project={running.project}"
    running.sh(f"podman stop $(podman ps -q {mine})")
    running.sh(f"podman start $(podman ps -aq {mine} --filter restart-policy=always)")
    assert set(running.containers()) == set(LASTING)
    running.sh("deploy/up")
    assert running.query(FINGERPRINT) == before


def test_the_nightly_archive_is_restored_on_an_empty_host_by_the_lines_of_the_readme(running, tmp_path):
    before = running.query(FINGERPRINT)
    folder = running.backups()
    for old in folder.iterdir():
        old.unlink()
    due = wall_now().astimezone(LOCAL) + timedelta(minutes=2)  # a minute at least: the container has to be there before
    (running.deploy / "compose.override.yaml").write_text(f"services: {{backup: {{command: [backup, --nightly, '{due:%H:%M}']}}}}\n")
    running.sh("deploy/up backup")
    archive = composed.awaited(lambda: next(folder.glob("thidua-*.tar.gz"), None))
    (running.deploy / "compose.override.yaml").unlink()
    shutil.move(archive, tmp_path)
    for line in lines_after("refuses. To begin"):
        running.sh(f"cd deploy && {line}".replace(" thidua_", f" {running.project}_"))
    *lines, doctor = lines_after("with FILE the archive's name:")
    for line in lines:
        running.sh(f"cd deploy && {line}".replace("/media/FILE", str(tmp_path / archive.name)).replace("FILE", archive.name))
    assert running.query(FINGERPRINT) == before != ""
    assert "NOT" not in running.sh(f"cd deploy && {doctor}")


def test_with_partners_everybody_signs_in_with_a_key_of_his_own(running):
    for line in (*lines_after("as root, with the image,"), *lines_after("so that compose takes the second file too,")):
        running.sh(line.replace("thidua.laichau.example", HOST))
    assert {*LASTING, "partners"} == set(running.containers())
    running.sh("deploy/thidua partners add thue --title 'Cục Thuế' --unit dinh-danh:H35.34 --indicator thu-ngan-sach")
    accounts = running.deploy / "secrets" / "broker" / "accounts.conf"
    composed.awaited(lambda: "PARTNER_thue" in accounts.read_text(), 30)  # by the part `partners`, nobody's hand
    composed.awaited(lambda: "NOT" not in running.sh("deploy/thidua doctor --language en || true"), 60)  # its stream comes after its account


def test_three_brokers_serve_and_one_of_them_may_be_away(town):
    """Its own volumes: another installation than that of the tests before. With their keys, when they made some."""
    town.sh("cd deploy && podman-compose down -v")
    town.write(**dict(line.split("=", 1) for line in lines_after("**Three brokers**: in `.env`")))
    for line in lines_after("name them in `.env`. Then:")[:4]:
        town.sh(line)
    assert {"nats-1", "nats-2", "nats-3", *SERVICES} <= set(town.containers())
    town.sh("deploy/thidua backup")
    assert "3 servers write before they acknowledge" in town.sh("deploy/thidua doctor --language en")
    town.sh(f"podman stop -t 5 {town.project}_nats-2_1")
    told = town.sh(f"{REHEARSAL} --minutes 0.3 --prepare 75")
    assert "12 of 12 reports accepted" in told
    assert "FAIL" not in told
