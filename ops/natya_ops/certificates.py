"""Certificates for servers that one person runs: an authority of their own, and what it signs.

``ca.pem`` is what clients trust, ``server.pem`` (with its chain) and ``server.key`` are the servers'. The authority's own key,
``ca.key``, signs the next ones; neither clients nor servers should be able to read it. Whoever has an authority already does not
need this.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from natya.errors import ConfigurationError

AUTHORITY_DAYS: Final = 3_650
SERVER_DAYS: Final = 397
RENEW_DAYS: Final = 30
"""A certificate that ends within these days is made anew."""
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z")
_SKEW: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Made:
    """What there is now. ``renewed`` says whether the servers' certificate is a new one."""

    ca: Path
    certificate: Path
    key: Path
    hosts: tuple[str, ...]
    until: datetime
    renewed: bool


def make_certificates(
    folder: Path,
    hosts: Sequence[str],
    *,
    authority: Path | None = None,
    trust: Path | None = None,
    now: datetime | None = None,
) -> Made:
    """See that ``folder`` has a certificate for ``hosts`` (names and addresses) that is good for 30 days at least, signed by the
    authority in the folder ``authority`` (``folder``, if not given), and that what clients trust is in ``trust``, too. What is there
    and good stays. Raises `ConfigurationError`."""
    if not hosts:
        raise ConfigurationError(
            "a certificate needs a host: say the names by which clients reach the servers, --host for each"
        )
    now = now or datetime.now(UTC)
    names = [_name(host) for host in hosts]
    made = Made(folder / "ca.pem", folder / "server.pem", folder / "server.key", tuple(hosts), now, False)
    try:
        for each in (folder, authority or folder, trust or folder):
            each.mkdir(parents=True, exist_ok=True)
        issuer, signer = _authority(authority or folder, now)
        for each in (folder, trust or folder):
            (each / "ca.pem").write_bytes(_pem(issuer))
        present = _read_certificate(made.certificate)
        if present is not None and made.key.exists() and _serves(present, issuer, names, now):
            return Made(made.ca, made.certificate, made.key, made.hosts, present.not_valid_after_utc, False)
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _signed(names, hosts[0], key, issuer, signer, now)
        _write_key(made.key, key)
        made.certificate.write_bytes(_pem(certificate) + _pem(issuer))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"certificates cannot be made in {folder}: {error}") from error
    return Made(made.ca, made.certificate, made.key, made.hosts, certificate.not_valid_after_utc, True)


def _authority(folder: Path, now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    file, key_file = folder / "ca.pem", folder / "ca.key"
    present = _read_certificate(file)
    if present is not None:
        if not key_file.exists():
            raise ConfigurationError(
                f"{file} is there and {key_file} is not: this authority can sign nothing; name another folder"
            )
        if present.not_valid_after_utc - timedelta(days=RENEW_DAYS) < now:
            raise ConfigurationError(
                f"the authority in {file} ends on {present.not_valid_after_utc:%Y-%m-%d}: begin a new folder"
            )
        signer = serialization.load_pem_private_key(key_file.read_bytes(), None)
        if not isinstance(signer, ec.EllipticCurvePrivateKey):
            raise ConfigurationError(f"{key_file} is not a key that natya certificates has made")
        return present, signer
    signer = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Natya")])
    usage = x509.KeyUsage(
        False, False, False, False, False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(signer.public_key())
    certificate = (
        _begun(name, name, signer.public_key(), now, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
        .sign(signer, hashes.SHA256())
    )
    _write_key(key_file, signer)
    file.write_bytes(_pem(certificate))
    return certificate, signer


def _signed(
    names: Sequence[x509.GeneralName],
    common: str,
    key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    signer: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common[:64])])
    # Servers of a cluster are each other's clients.
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    return (
        _begun(subject, authority.subject, key.public_key(), now, SERVER_DAYS)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + timedelta(days=days))
    )


def _serves(
    certificate: x509.Certificate, authority: x509.Certificate, names: Sequence[x509.GeneralName], now: datetime
) -> bool:
    """Whether the certificate is of this authority, for all these names, and good for a while."""
    try:
        certificate.verify_directly_issued_by(authority)
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (InvalidSignature, ValueError, TypeError, x509.ExtensionNotFound):
        return False
    return set(names) <= set(found) and certificate.not_valid_after_utc - timedelta(days=RENEW_DAYS) > now


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass
    if not _HOST.match(host):
        raise ConfigurationError(f"{host!r} is no host name or address")
    return x509.DNSName(host)


def _read_certificate(file: Path) -> x509.Certificate | None:
    return x509.load_pem_x509_certificate(file.read_bytes()) if file.exists() else None


def _write_key(file: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """Readable by its owner alone from the moment it is there."""
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    text = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(text)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
