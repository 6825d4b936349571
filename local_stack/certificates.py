"""Certificates of an authority that is made with a cluster, and signs for its brokers alone.

`python -m local_stack.certificates FOLDER SUBJECT HOST…` makes them for brokers elsewhere, once.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from landfall.state import write_private

Pair = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]
YEARS = dt.timedelta(days=3650)


def certificate(name: str, signed_by: Pair | None, *, hosts: tuple[str, ...] = (), valid: dt.timedelta = YEARS) -> Pair:
    """A certificate and its key: an authority's, or one that it `signed_by`, of these host names and IP addresses."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    issuer, issuer_key = (signed_by[0].subject, signed_by[1]) if signed_by else (subject, key)
    builder = (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + valid)
        .add_extension(x509.BasicConstraints(signed_by is None, None), critical=True)
    )
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName([*map(general_name, hosts)]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256()), key


def general_name(host: str) -> x509.GeneralName:
    """A host as a certificate names it: an IP address, or a name."""
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def certificate_text(one: x509.Certificate) -> str:
    """PEM."""
    return one.public_bytes(serialization.Encoding.PEM).decode("ascii")


def key_text(key: ec.EllipticCurvePrivateKey) -> str:
    """PEM, PKCS#8, not encrypted: for a file of mode 600."""
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form).decode("ascii")


HERE = ("127.0.0.1", "localhost")


def make_certificates(folder: Path, subject: str, hosts: tuple[str, ...] = HERE) -> None:
    """ca.pem; broker.pem and broker.key of `subject` at these hosts, and both in keystore.pem.

    The authority's own key is kept nowhere: nobody can make another certificate that these brokers trust.
    """
    authority = certificate("Landfall, of this cluster", None)
    own, key = certificate(subject, authority, hosts=hosts)
    write_private(folder / "broker.pem", certificate_text(own))
    write_private(folder / "broker.key", key_text(key))
    write_private(folder / "keystore.pem", key_text(key) + certificate_text(own))
    write_private(folder / "ca.pem", certificate_text(authority[0]))


if __name__ == "__main__":
    made, named, *at = sys.argv[1:]
    if not (Path(made) / "ca.pem").exists():
        make_certificates(Path(made), named, (*at, *HERE))
