"""Certificates for servers of the tests."""

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LOOPBACK = x509.IPAddress(IPv4Address("127.0.0.1"))


def certified(folder, days: int, host: str = "localhost") -> Path:
    """A key and its own certificate, good for so many days, in one file."""
    now = datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(host), *([LOOPBACK] if host == "localhost" else [])]), critical=False)
    made = made.serial_number(days).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=days, minutes=5))
    pem = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file: Path = folder / f"{days}.pem"
    file.write_bytes(private + pem)
    return file
