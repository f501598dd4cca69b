"""A self-signed certificate for a cloud on loopback or in a laboratory, and contexts that trust it alone.

P-256, X.509 version 3 (RFC 5280) with the host names as subject alternative names. Cameras and the surveillance
system hold a copy and trust nothing else, so a certificate of any authority does not get between.
"""

import datetime
import ipaddress
import ssl
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gctr._files import write_whole
from gctr.parties.keyfile import write_secret
from gctr.parties.store import StoreError

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def write_certificate(folder: Path, hosts: Sequence[str] = LOOPBACK, *, days: int = 825) -> tuple[Path, Path]:
    """Write ``cert.pem`` and ``key.pem`` (mode 0600) for `hosts`, names or addresses; return their paths.

    Raises
    ------
    KeyFileError
        If there is a ``key.pem`` already: nothing is overwritten.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gctr cloud")])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # clocks of cameras disagree
        .not_valid_after(now + datetime.timedelta(days=days))
    )
    for extension, critical in _extensions(key.public_key(), hosts):
        builder = builder.add_extension(extension, critical)
    certificate = builder.sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_secret(folder / "key.pem", key.private_bytes(pem, *plain))
    write_whole(folder / "cert.pem", certificate.public_bytes(pem), mode=0o644)
    return folder / "cert.pem", folder / "key.pem"


def trust(certificate: Path) -> ssl.SSLContext:
    """Return a client's context that trusts this certificate and no other.

    Raises
    ------
    StoreError
        If it cannot be read, or is none.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(certificate)
    except OSError as error:
        raise StoreError(
            f"{certificate} gives no certificate of the cloud ({error.strerror}): copy its cert.pem there"
        ) from None
    return context


def _extensions(
    public: ec.EllipticCurvePublicKey, hosts: Sequence[str]
) -> list[tuple[x509.ExtensionType, bool]]:
    identifier = x509.SubjectKeyIdentifier.from_public_key(public)
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    return [
        (x509.SubjectAlternativeName([_general_name(host) for host in hosts]), False),
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (usage, True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (identifier, False),
        (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), False),
    ]


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
