"""The doctor reads certificates: until when they are good, for whom, and whether this machine trusts them."""

import asyncio
import ssl

import pytest
from cryptography import x509

from services import local
from services.operation import doctor, servers
from shared import measures
from tests.fabric.servers import nats_server
from tests.operation.certificates import certified
from tests.operation.patient import https, in_health, listening


@pytest.fixture
async def healthy(tmp_path):
    async with in_health(tmp_path) as made:
        yield made


async def test_a_certificate_that_runs_out_is_told(healthy, tmp_path):
    async with https(tmp_path, 5) as page:
        wrong = [f.line("en") for f in await doctor.examine(healthy.model_copy(update={"public_url": page})) if f.fault]
    assert wrong == ["NOT certificate: the TLS certificate has 5 days left: renew it and reload the server that shows it (proxy, NATS, PostgreSQL)."]


async def test_a_certificate_for_another_host_is_told(healthy, tmp_path):
    async with https(tmp_path, 91, "other.example") as page:
        wrong = [f.line("en") for f in await doctor.examine(healthy.model_copy(update={"public_url": page})) if f.fault]
    cure = "install one with that name (subjectAltName) and reload the server that shows it, or correct the address."
    assert wrong == [f"NOT certificate: the TLS certificate is not for 127.0.0.1: {cure}"]


async def test_a_certificate_that_this_machine_does_not_trust_is_noted_and_no_fault(tmp_path, monkeypatch):
    """The same when an intermediate is missing: who verifies finds no issuer."""
    async with https(tmp_path, 90) as page:
        assert "90 days left; from here not trusted (self-signed certificate): is its chain whole" in await servers.certificate(page)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "90.pem"))
        assert await servers.certificate(page) == "90 days left"


@pytest.mark.parametrize(
    ("named", "host", "right"),
    [
        ("a.example", "a.example", True), ("a.example", "A.Example", True), ("*.example", "a.example", True), ("*.example", "a.b.example", False),
        ("a.example", "b.example", False), ("localhost", "127.0.0.1", True), ("a.example", "127.0.0.1", False), ("127.0.0.1.example", "127.0.0.1", False),
    ],
)  # fmt: skip
def test_a_certificate_names_hosts_whole_or_by_a_star_for_the_first_part(tmp_path, named, host, right):
    assert measures.is_for(x509.load_pem_x509_certificate(certified(tmp_path, 90, named).read_bytes()), host) is right


async def test_the_broker_s_certificate_too_is_told_when_it_runs_out(tmp_path, healthy, monkeypatch):
    for days, wrong in ((90, set()), (5, {"broker's certificate"})):
        pem = certified(tmp_path, days)
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        speaks_tls = f'tls {{ cert_file: "{pem}", key_file: "{pem}" }}'
        async with nats_server(tmp_path / f"tls-{days}", cluster=speaks_tls) as server:
            given = healthy.model_copy(update={"nats_url": server.nats.replace("nats://127.0.0.1", "tls://localhost"), "nats_monitor_url": server.monitor})
            await local.provision(given)
            async with listening(given):
                found = await doctor.examine(given)
        assert {f.name for f in found if f.fault} == wrong
        told = next(f for f in found if f.name == "broker's certificate")
        assert f"{days} days left" in told.line("en")


async def test_a_certificate_behind_postgresql_s_question_is_seen(tmp_path):
    """Our PostgreSQL is built without TLS: this one answers the question as the protocol says and goes on in TLS, or says no."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certified(tmp_path, 30))

    async def answer(reader, writer, yes=b"S"):
        assert await reader.readexactly(8) == measures.SSL_REQUEST
        writer.write(yes)
        if yes == b"S":
            await writer.start_tls(context)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert "30 days left" in await servers.certificate(f"postgresql+asyncpg://thidua:secret@127.0.0.1:{port}/thidua")
    async with await asyncio.start_server(lambda r, w: answer(r, w, b"N"), "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await servers.certificate(f"postgres://127.0.0.1:{port}/thidua") == "speaks without TLS"


async def test_a_broker_s_address_that_promises_tls_which_is_not_there_is_told(healthy):
    """The client goes on in clear."""
    given = healthy.model_copy(update={"nats_url": healthy.nats_url.replace("nats://", "tls://")})
    [wrong] = [f.line("en") for f in await doctor.examine(given) if f.fault]
    assert wrong.startswith("NOT broker's certificate: the server there speaks without TLS, though its address says tls://")
