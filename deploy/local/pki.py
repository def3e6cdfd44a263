"""Keys, certificates and kubeconfigs: made once, when a cluster is first brought up.

The folder appears in one rename, so a run that died in the middle of it leaves nothing
that looks complete.
"""

import base64
import datetime
import ipaddress
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from deploy.local.layout import (
    API_PORT,
    FIRST_SERVICE_ADDRESS,
    HOST_ADDRESS,
    NODE_ADDRESS,
    NODE_NAME,
    State,
)

VALIDITY = datetime.timedelta(days=3650)
LOCAL = "127.0.0.1"
SERVER_NAMES = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    LOCAL,
    HOST_ADDRESS,
    FIRST_SERVICE_ADDRESS,
)


@dataclass(frozen=True)
class Identity:
    """Whom a certificate is for; with `api`, a kubeconfig for it that asks there."""

    file: str
    name: str
    group: str = ""
    served_as: tuple[str, ...] = ()
    api: str = ""


IDENTITIES = (
    Identity("apiserver", "kube-apiserver", served_as=SERVER_NAMES),
    Identity("etcd", "etcd", served_as=("localhost", LOCAL)),
    Identity("admin", "kubernetes-admin", "system:masters", api=LOCAL),
    Identity("controller-manager", "system:kube-controller-manager", api=LOCAL),
    Identity("scheduler", "system:kube-scheduler", api=LOCAL),
    Identity(
        "node", f"system:node:{NODE_NAME}", "system:nodes",
        served_as=(NODE_NAME, NODE_ADDRESS), api=HOST_ADDRESS,
    ),
    Identity("proxy", "system:kube-proxy", api=HOST_ADDRESS),
    Identity("dns", "system:coredns", api=HOST_ADDRESS),
)  # fmt: skip


def ensure(state: State) -> None:
    """Make everything, unless it is there."""
    if state.pki.exists():
        return
    draft = state.pki.with_name("pki.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True, mode=0o700)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _sign_authority(authority_key)
    _write(draft, "ca", authority, authority_key)
    for identity in IDENTITIES:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _sign(identity, key, authority, authority_key)
        _write(draft, identity.file, certificate, key)
        if identity.api:
            (draft / f"{identity.file}.kubeconfig").write_text(_kubeconfig(draft, identity))
    accounts = ec.generate_private_key(ec.SECP256R1())
    _write_key(draft / "service-accounts.key", accounts)
    draft.rename(state.pki)


def person(state: State, name: str, group: str = "") -> str:
    """A kubeconfig for somebody by a client certificate of this cluster's own authority."""
    authority_key = serialization.load_pem_private_key((state.pki / "ca.key").read_bytes(), None)
    if not isinstance(authority_key, ec.EllipticCurvePrivateKey):
        raise TypeError("the local authority's key is of another kind than ours")
    authority = x509.load_pem_x509_certificate((state.pki / "ca.crt").read_bytes())
    key = ec.generate_private_key(ec.SECP256R1())
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        identity = Identity("person", name, group, api=LOCAL)
        _write(folder, identity.file, _sign(identity, key, authority, authority_key), key)
        shutil.copy(state.pki / "ca.crt", folder)
        return _kubeconfig(folder, identity)


def _sign_authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "playbill local cluster")])
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    return (
        _certificate(name, name, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )


def _sign(
    identity: Identity,
    key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, identity.name)]
    if identity.group:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, identity.group))
    uses = [ExtendedKeyUsageOID.CLIENT_AUTH]
    if identity.served_as:
        uses.append(ExtendedKeyUsageOID.SERVER_AUTH)
    builder = (
        _certificate(x509.Name(parts), authority.subject, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    )
    if identity.served_as:
        names = x509.SubjectAlternativeName([_subject(name) for name in identity.served_as])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(authority_key, hashes.SHA256())


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + VALIDITY)
    )


def _subject(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write(
    folder: Path, file: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> None:
    (folder / f"{file}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    _write_key(folder / f"{file}.key", key)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,  # the one that the API server reads
            serialization.NoEncryption(),
        )
    )


def _kubeconfig(folder: Path, identity: Identity) -> str:
    def embedded(file: str) -> str:
        return base64.b64encode((folder / file).read_bytes()).decode()

    cluster = {
        "server": f"https://{identity.api}:{API_PORT}",
        "certificate-authority-data": embedded("ca.crt"),
    }
    user = {
        "client-certificate-data": embedded(f"{identity.file}.crt"),
        "client-key-data": embedded(f"{identity.file}.key"),
    }
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "playbill", "cluster": cluster}],
            "users": [{"name": identity.file, "user": user}],
            "contexts": [
                {"name": "playbill", "context": {"cluster": "playbill", "user": identity.file}}
            ],
            "current-context": "playbill",
        }
    )
