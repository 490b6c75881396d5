"""Alarms call somebody: from a figure of a service by Prometheus and Alertmanager to a letter, with nothing between that is not the real one."""

import asyncio
import contextlib
import json
import re
import shlex
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest
import yaml
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import AuthResult
from prometheus_client import start_http_server

from services.notification.sink import Sink
from shared.bundled import free_port
from shared.clock import LOCAL
from shared.settings import SERVICES
from shared.telemetry import Telemetry
from tests.faults.stand import until
from tests.operation.alertmanager import HOST, PROGRAM, RUNBOOKS, alertmanager, environment, prometheus
from tests.operation.certificates import certified
from tests.operation.kubernetes import DEPLOY, run
from tests.operation.test_alarms import rules

pytestmark = pytest.mark.skipif(not (PROGRAM and shutil.which("amtool")), reason="prometheus-alertmanager is missing: make tools")

START = str(DEPLOY / "alertmanager" / "start")
MAIL = "smtp://mail:25"
DUTY = "truc@laichau.example, truong@laichau.example"
SHELLS = [shell for shell in (("sh",), ("busybox", "sh")) if shutil.which(shell[0])]
"""The image has busybox's; it is tried where this machine has it."""


def written(folder: Path, smtp_url: str, *shell: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """The script, with a program that does nothing in Alertmanager's place."""
    return run(*(shell or ("sh",)), START, env=environment(folder, smtp_url, ALERTMANAGER=shutil.which("true") or "", **settings))


def configuration(folder: Path) -> dict:
    """What was written, once amtool has taken it."""
    file = folder / "alertmanager.yml"
    done = run("amtool", "check-config", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    return yaml.safe_load(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("smtp://mail", {"smtp_smarthost": "mail:25", "smtp_require_tls": False}),
        ("smtp://mail:2525\n", {"smtp_smarthost": "mail:2525", "smtp_require_tls": False}),
        ("smtps://mail", {"smtp_smarthost": "mail:465", "smtp_require_tls": False}),
        (
            "smtp://truc%40so:m%E1%BA%ADt%27%20kh%25%3A@mail:587",
            {"smtp_smarthost": "mail:587", "smtp_require_tls": True, "smtp_auth_username": "truc@so", "smtp_auth_password": "mật' kh%:"},
        ),
        (
            "smtps://a:b:c@mail:465",
            {"smtp_smarthost": "mail:465", "smtp_require_tls": False, "smtp_auth_username": "a", "smtp_auth_password": "b:c"},
        ),
    ],
)
def test_the_mail_server_is_the_one_to_which_letters_go_and_a_password_goes_over_tls_alone(url, wanted, shell, tmp_path):
    assert written(tmp_path, url, *shell, ALARM_MAIL=DUTY).returncode == 0
    told = configuration(tmp_path)["global"]
    always = {"resolve_timeout": "5m", "smtp_from": "thidua@laichau.example", "smtp_hello": HOST}
    assert told == always | wanted
    assert (tmp_path / "alertmanager.yml").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("url", "cure"),
    [
        ("", "names no mail server"), ("mail:25", "write smtp://host:port"), ("http://mail:25", "write smtp://host:port"), ("smtp://", "write smtp://host:port"),
        ("smtps://mail:587", "at port 465 alone"),
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_right_ends_the_start_in_one_sentence_with_the_cure(url, cure, tmp_path):
    done = written(tmp_path, url, ALARM_MAIL=DUTY)
    assert done.returncode == 1
    assert cure in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_whom_to_call_is_a_setting_and_without_it_nobody_is(tmp_path):
    assert "nobody is called" in written(tmp_path, MAIL).stderr
    assert configuration(tmp_path)["receivers"] == [{"name": "duty"}]
    assert written(tmp_path, "", ALARM_WEBHOOK="http://sms/?key='1").stderr == ""
    assert configuration(tmp_path)["receivers"] == [{"name": "duty", "webhook_configs": [{"url": "http://sms/?key='1", "send_resolved": True}]}]
    written(tmp_path, MAIL, ALARM_MAIL=DUTY)
    [duty] = configuration(tmp_path)["receivers"]
    assert [one["to"] for one in duty["email_configs"]] == [DUTY]


def test_compose_gives_alertmanager_what_its_start_asks_for_and_prometheus_hands_over_to_it():
    part = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]["alertmanager"]
    asked = set(re.findall(r"\$\{?([A-Z_]+)", Path(START).read_text(encoding="utf-8")))
    assert asked - {"SMTP_URL_FILE", "CONFIGURATION", "ALERTMANAGER"} == set(part["environment"])
    assert {"./secrets/smtp-url:/run/secrets/smtp-url:ro", "./alertmanager:/etc/alertmanager:ro"} <= set(part["volumes"])
    assert part["entrypoint"][-1] == "/etc/alertmanager/start"
    assert part["networks"] == ["inside", "outside"]
    told = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    assert told["alerting"] == {"alertmanagers": [{"static_configs": [{"targets": ["alertmanager:9093"]}]}]}


def routed(file: Path, rule: dict) -> dict:
    """The route on which amtool says that an alarm goes."""
    done = run(
        "amtool",
        "config",
        "routes",
        "test",
        "--tree",
        "--verify.receivers=duty",
        f"--config.file={file}",
        f"alertname={rule['alert']}",
        *(f"{k}={v}" for k, v in rule["labels"].items()),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    route = yaml.safe_load(file.read_text(encoding="utf-8"))["route"]
    taken = [one for one in route["routes"] if '{severity="critical"}' in done.stdout]
    return {**route, **taken[0]} if taken else route


def test_a_critical_alarm_calls_at_once_and_every_hour_and_a_minor_one_twice_a_day(tmp_path):
    written(tmp_path, MAIL, ALARM_MAIL=DUTY)
    file = tmp_path / "alertmanager.yml"
    rhythm = {rule["alert"]: tuple(routed(file, rule)[name] for name in ("group_wait", "group_interval", "repeat_interval")) for rule in rules()}
    expected = {"critical": ("10s", "2m", "1h"), "warning": ("1m", "10m", "12h")}
    assert rhythm == {rule["alert"]: expected[rule["labels"]["severity"]] for rule in rules()}
    assert rhythm["NoReportBeforeDeadline"][2] == "1h"
    assert all("alertname" in routed(file, rule)["group_by"] for rule in rules()), "the letter tells what one alarm means"


def raised(name: str, **labels: str) -> dict:
    """An alarm as Prometheus hands it over."""
    [rule] = [rule for rule in rules() if rule["alert"] == name]
    begun = datetime.now(UTC) - timedelta(minutes=1)
    return {"labels": {"alertname": name, "installation": HOST, **rule["labels"], **labels}, "startsAt": begun.isoformat()}


async def test_an_alarm_whose_cause_has_called_says_nothing_of_its_own(tmp_path):
    causes = [raised("ServiceDown", service="registration"), raised("PartUnreachable", service="reporting", part="broker")]
    hidden = [
        raised("BackupOld"), raised("ClockSkewed", service="registration"), raised("OutboxOld", service="reporting"),
        raised("LagNotFalling", service="reporting", stream="REPORTING"), raised("ErrorsAnswered", service="reporting"),
        raised("FiguresMissing", service="reporting", part="deadlines"), raised("FiguresMissing", service="registration", part="backup"),
        raised("PagesUnreachable", service="registration"),
    ]  # fmt: skip
    heard = [
        raised("NoReportBeforeDeadline", campaign="c", round="ky-1"), raised("OutboxOld", service="evaluation"), raised("ServiceDown", service="reporting"),
        raised("LettersStuck"), raised("DeadLettersGrowing", service="notification", reason="unreadable"), raised("BackupOld", installation="another"),
        raised("PagesUnreachable", service="registration", installation="another"),
    ]  # fmt: skip
    async with alertmanager(tmp_path, "") as client:
        (await client.post("/api/v2/alerts", json=[*causes, *hidden, *heard[:2], *heard[3:]])).raise_for_status()

        async def judged() -> bool:
            found.clear()
            found.extend((await client.get("/api/v2/alerts")).json())
            return all(one["status"]["state"] != "unprocessed" for one in found)

        found: list[dict] = []
        await until(judged, 60)
        silent = [one["labels"] for one in found if one["status"]["state"] == "suppressed"]
        assert sorted(map(str, silent)) == sorted(str({k: one["labels"][k] for k in sorted(one["labels"])}) for one in hidden)


class Hearing(BaseHTTPRequestHandler):
    """What a gateway of theirs would hear."""

    heard: list[dict]

    def do_POST(self) -> None:
        self.heard.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *said: object) -> None:
        """Nothing."""


@contextlib.contextmanager
def gateway() -> Iterator[tuple[str, list[dict]]]:
    heard: list[dict] = []
    with HTTPServer(("127.0.0.1", 0), type("Gateway", (Hearing,), {"heard": heard})) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/sms", heard
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def telling() -> Iterator[tuple[dict[str, Telemetry], dict[str, int]]]:
    """The four services' own series, as they are when all is well, and the ports where they are told."""
    told = {service: Telemetry(service) for service in SERVICES}
    with contextlib.ExitStack() as stack:
        ports = {}
        for service, telemetry in told.items():
            for part in ("database", "broker"):
                telemetry.reachable.labels(part).set(1)
            server, thread = start_http_server(0, "127.0.0.1", telemetry.registry)
            ports[service] = server.server_port
            stack.callback(thread.join)
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
        yield told, ports


def text_of(letter: EmailMessage) -> str:
    body = letter.get_body(("plain",))
    assert body is not None
    assert letter.get_body(("html",)) is None
    return str(body.get_content()).replace("\r\n", "\n")


def letters(folder: Path) -> list[EmailMessage]:
    return [message_from_bytes(path.read_bytes(), policy=default) for path in sorted(folder.glob("*.eml"))]


async def arrived(folder: Path, number: int, *words: str) -> EmailMessage:
    """The letter with this number (of those with these words in the subject), once it is there."""

    def those() -> list[EmailMessage]:
        return [one for one in letters(folder) if all(word in one["subject"] for word in words)]

    async def there() -> bool:
        return len(those()) >= number

    await until(there, 120, lambda: f"only {[one['subject'] for one in letters(folder)]}")
    return those()[number - 1]


@pytest.fixture
async def mail(tmp_path) -> AsyncIterator[Sink]:
    made = Sink(tmp_path / "mail")
    await made.start()
    yield made
    await made.stop()


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("prometheus"), reason="prometheus is missing: make tools")
async def test_a_figure_of_a_service_becomes_a_letter_and_another_when_it_is_over_even_if_the_mail_server_was_away(tmp_path, mail):
    with gateway() as (address, heard), telling() as (services, ports):
        async with alertmanager(tmp_path, mail.url, ALARM_MAIL=DUTY, ALARM_WEBHOOK=address) as alarms, prometheus(tmp_path, ports, alarms) as watching:
            began = datetime.now(LOCAL)
            services["reporting"].outbox_age.set(225)
            services["evaluation"].outbox_age.set(70)
            services["notification"].outbox_age.set(59)
            about_two(await arrived(mail.folder, 1, "OutboxOld (2)", "critical"), began)
            services["reporting"].outbox_age.set(0)
            services["evaluation"].outbox_age.set(0)
            over(await arrived(mail.folder, 1, "OutboxOld", "resolved"))
            told = await heard_of(heard, "OutboxOld")
            assert told[0]["status"] == "firing"
            assert "Sự kiện của reporting chờ phát đã 3m 45s" in {one["annotations"]["summary"] for said in told for one in said["alerts"]}
            await mail.stop()
            services["reporting"].reachable.labels("broker").set(0)
            await until(lambda: failed(alarms), 60)
            assert (await watching.get("/api/v1/query", params={"query": "up"})).json()["data"]["result"], "Prometheus goes on"
            await mail.start()
            late = await arrived(mail.folder, 1, "PartUnreachable")
            assert late["subject"] == f"[KHẨN CẤP/critical] {HOST}: PartUnreachable: reporting không tới được broker"


async def heard_of(heard: list[dict], name: str) -> list[dict]:
    """What a gateway has heard of an alarm, once it has heard that it is over: letters and gateways are told side by side."""

    def told() -> list[dict]:
        return [said for said in heard if said["commonLabels"]["alertname"] == name]

    async def is_over() -> bool:
        return bool(told()) and told()[-1]["status"] == "resolved"

    await until(is_over, 60)
    return told()


async def failed(alarms: httpx.AsyncClient) -> bool:
    page = (await alarms.get("/metrics")).text
    return bool(re.search(r'alertmanager_notification_requests_failed_total\{integration="email"\} [1-9]', page))


def about_two(letter: EmailMessage, began: datetime) -> None:
    """What the person on duty has to know, in both languages; the time is Viet Nam's."""
    assert letter["to"] == DUTY
    assert letter["from"] == "thidua@laichau.example"
    assert letter["subject"] == f"[KHẨN CẤP/critical] {HOST}: OutboxOld (2)"
    text = text_of(letter)
    [rule] = [rule for rule in rules() if rule["alert"] == "OutboxOld"]
    vietnamese, english = text.split("-" * 64)
    assert f"Nghĩa là gì: {rule['annotations']['description']}" in vietnamese
    assert f"What it means: {rule['annotations']['description_en']}" in english
    assert f"Xử lý: {RUNBOOKS}/vi/OutboxOld.md" in vietnamese
    assert f"What to do: {RUNBOOKS}/en/OutboxOld.md" in english
    assert "* Sự kiện của reporting chờ phát đã 3m 45s" in vietnamese
    assert "* An event of evaluation has waited 1m 10s to be published" in english
    assert "notification" not in text
    times = [datetime.strptime(found, "%H:%M %d/%m/%Y").replace(tzinfo=LOCAL) for found in re.findall(r"Từ (\d\d:\d\d \d\d/\d\d/\d{4})", vietnamese)]
    assert len(times) == 2
    assert all(abs(found - began) < timedelta(minutes=2) for found in times)
    assert f"{began:%Y} (Viet Nam)" in english


def over(letter: EmailMessage) -> None:
    assert letter["subject"].startswith(f"[Đã hết/resolved] {HOST}: OutboxOld")
    assert re.search(r"\* ĐÃ HẾT: Sự kiện của (reporting|evaluation) .*\n  Từ [\d:]+ [\d/]+ đến [\d:]+ [\d/]+\n", text_of(letter))


async def typed(client: httpx.AsyncClient, verb: str) -> None:
    """The command of deploy/README with this verb, at this Alertmanager."""
    [line] = re.findall(rf"alertmanager (amtool {verb} .*) --alertmanager.url=http://localhost:9093\)", (DEPLOY / "README.md").read_text(encoding="utf-8"))
    done = await asyncio.to_thread(run, *shlex.split(line), f"--alertmanager.url={client.base_url}")
    assert done.returncode == 0, done.stderr


async def test_a_letter_of_trial_comes_by_the_line_of_the_readme_and_an_alarm_that_was_silenced_by_the_other_sends_none(tmp_path, mail):
    """It is no alarm of ours: no summary, no runbook."""
    async with alertmanager(tmp_path, mail.url, ALARM_MAIL=DUTY) as client:
        await typed(client, "silence add")
        (await client.post("/api/v2/alerts", json=[raised("OutboxOld", service="reporting")])).raise_for_status()
        await typed(client, "alert add")
        letter = await arrived(mail.folder, 1)
        [silent] = [one for one in (await client.get("/api/v2/alerts")).json() if one["status"]["state"] == "suppressed"]
        assert silent["status"]["silencedBy"]
    assert len(letters(mail.folder)) == 1
    assert letter["subject"] == "[KHẨN CẤP/critical] thidua: THU"
    assert "no value" not in text_of(letter)
    assert "Nghĩa là gì" not in text_of(letter)


async def test_a_letter_goes_over_tls_to_a_server_that_asks_for_a_password(tmp_path):
    """One with signs in it that an address has to hide, and a certificate of an authority that the machine was told of."""
    given: list[tuple[bytes, bytes]] = []

    def known(server, session, envelope, mechanism, data) -> AuthResult:
        given.append((data.login, data.password))
        return AuthResult(success=True)

    certificate = certified(tmp_path, 30)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    box = Mailbox(tmp_path / "box")
    server = Controller(
        box, hostname="localhost", port=free_port(), ready_timeout=60, tls_context=context, authenticator=known, auth_required=True, auth_exclude_mechanism=["LOGIN"]
    )
    server.start()
    try:
        url = f"smtp://truc%40so:m%C3%A2t%20kh%25u%3A@localhost:{server.port}"
        async with alertmanager(tmp_path, url, ALARM_MAIL=DUTY, SSL_CERT_FILE=str(certificate)) as client:
            (await client.post("/api/v2/alerts", json=[raised("OutboxOld", service="reporting")])).raise_for_status()

            async def there() -> bool:
                return bool(list((tmp_path / "box" / "new").iterdir()))

            await until(there, 60, (tmp_path / "alertmanager.log").read_text)
    finally:
        server.stop()
    assert given == [(b"truc@so", "mât kh%u:".encode())]


@pytest.mark.skipif(not shutil.which("prometheus"), reason="prometheus is missing: make tools")
async def test_alertmanager_and_prometheus_have_the_series_by_which_an_alarm_that_reaches_nobody_is_seen(tmp_path):
    with telling() as (_, ports):
        async with alertmanager(tmp_path, "") as alarms, prometheus(tmp_path, ports, alarms) as watching:

            async def seen() -> bool:
                asked = [(await watching.get("/api/v1/query", params={"query": query})).json()["data"]["result"] for query in queries]
                return all(asked)

            queries = ('alertmanager_notification_requests_failed_total{integration="email"} == 0', "prometheus_rule_evaluation_failures_total == 0",
                       'up{job="alertmanager"} == 1', 'ALERTS{alertname="NobodyCalled", alertstate="firing"}')  # fmt: skip
            await until(seen, 60)
