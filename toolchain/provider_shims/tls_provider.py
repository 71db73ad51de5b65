"""Stand-in for the tls plugin: private keys and self-signed certificates, kept in the state."""

import base64
import datetime
import hashlib
import ipaddress
from typing import ClassVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from toolchain.provider_shims.diffing import Rules
from toolchain.provider_shims.framework import Kind, Live, Operation, Package, run
from toolchain.provider_shims.schema import Failure
from toolchain.provider_shims.values import Props

PrivateKeyTypes = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

ALGORITHMS = ("RSA", "ECDSA", "ED25519")
CURVES: dict[str, type[ec.EllipticCurve]] = {
    "P224": ec.SECP224R1,
    "P256": ec.SECP256R1,
    "P384": ec.SECP384R1,
    "P521": ec.SECP521R1,
}
SUBJECT = {
    "commonName": NameOID.COMMON_NAME,
    "country": NameOID.COUNTRY_NAME,
    "locality": NameOID.LOCALITY_NAME,
    "organization": NameOID.ORGANIZATION_NAME,
    "organizationalUnit": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "postalCode": NameOID.POSTAL_CODE,
    "province": NameOID.STATE_OR_PROVINCE_NAME,
    "serialNumber": NameOID.SERIAL_NUMBER,
}
EXTENDED = {"server_auth": ExtendedKeyUsageOID.SERVER_AUTH, "client_auth": ExtendedKeyUsageOID.CLIENT_AUTH}
USAGES = {
    "digital_signature": "digital_signature",
    "content_commitment": "content_commitment",
    "key_encipherment": "key_encipherment",
    "data_encipherment": "data_encipherment",
    "key_agreement": "key_agreement",
    "cert_signing": "key_cert_sign",
    "crl_signing": "crl_sign",
}


class InState(Kind):
    """The state is the only place where it is."""

    rules: ClassVar[Rules] = Rules(replace=frozenset({"*"}))

    def read(self, resource_id: str, inputs: Props, state: Props) -> Live | None:
        """There is nothing to look at."""
        del resource_id
        return Live(inputs=inputs, outputs=state)

    def delete(self, resource_id: str, inputs: Props, state: Props, operation: Operation) -> None:
        """Nothing to take away."""
        del resource_id, inputs, state, operation


class PrivateKey(InState):
    """A private key, and its public half in the usual spellings."""

    token: ClassVar[str] = "tls:index/privateKey:PrivateKey"  # noqa: S105
    secret_outputs: ClassVar[frozenset[str]] = frozenset({"privateKeyPem", "privateKeyPemPkcs8", "privateKeyOpenssh"})

    def defaults(self) -> Props:
        """As the real provider."""
        return {"rsaBits": 2048, "ecdsaCurve": "P224"}

    def check(self, inputs: Props) -> list[Failure]:
        """Known algorithms and curves only."""
        failures = []
        for name, allowed in (("algorithm", ALGORITHMS), ("ecdsaCurve", tuple(CURVES))):
            if isinstance(inputs[name], str) and inputs[name] not in allowed:
                failures.append(Failure(name, f"expected one of {', '.join(allowed)}, got {inputs[name]!r}"))
        return failures

    def create(self, inputs: Props, operation: Operation) -> tuple[str, Props]:
        """Generates the key; the id is a hash of the public half."""
        del operation
        key: PrivateKeyTypes
        if inputs["algorithm"] == "RSA":
            key = rsa.generate_private_key(public_exponent=65537, key_size=inputs["rsaBits"])
        elif inputs["algorithm"] == "ECDSA":
            key = ec.generate_private_key(CURVES[inputs["ecdsaCurve"]]())
        else:
            key = ed25519.Ed25519PrivateKey.generate()
        outputs = {**inputs, **private_texts(key), **public_texts(key)}
        return hashlib.sha1(outputs["publicKeyPem"].encode()).hexdigest(), outputs  # noqa: S324  (an id, no secret)


class SelfSignedCert(InState):
    """A certificate that signs itself."""

    token: ClassVar[str] = "tls:index/selfSignedCert:SelfSignedCert"  # noqa: S105

    def check(self, inputs: Props) -> list[Failure]:
        """Known uses only."""
        known = {*USAGES, *EXTENDED}
        uses = inputs["allowedUses"]
        return [
            Failure(f"allowedUses[{index}]", f"expected one of {', '.join(sorted(known))}, got {use!r}")
            for index, use in enumerate(uses if isinstance(uses, list) else [])
            if isinstance(use, str) and use not in known
        ]

    def create(self, inputs: Props, operation: Operation) -> tuple[str, Props]:
        """Signs."""
        del operation
        key = serialization.load_pem_private_key(inputs["privateKeyPem"].encode(), None)
        assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey)  # noqa: S101
        start = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
        end = start + datetime.timedelta(hours=inputs["validityPeriodHours"])
        certificate = _certificate(inputs, key, start, end)
        outputs = {
            **inputs,
            "certPem": certificate.public_bytes(serialization.Encoding.PEM).decode(),
            "keyAlgorithm": algorithm(key),
            "validityStartTime": start.isoformat(),
            "validityEndTime": end.isoformat(),
            "readyForRenewal": False,
        }
        return str(certificate.serial_number), outputs


def _certificate(
    inputs: Props, key: PrivateKeyTypes, start: datetime.datetime, end: datetime.datetime
) -> x509.Certificate:
    subject = inputs.get("subject") or {}
    name = x509.Name([x509.NameAttribute(oid, subject[field]) for field, oid in SUBJECT.items() if subject.get(field)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=bool(inputs.get("isCaCertificate")), path_length=None), critical=True)
    )
    names: list[x509.GeneralName] = [x509.DNSName(text) for text in inputs.get("dnsNames", [])]
    names += [x509.IPAddress(ipaddress.ip_address(text)) for text in inputs.get("ipAddresses", [])]
    names += [x509.UniformResourceIdentifier(text) for text in inputs.get("uris", [])]
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    uses = inputs["allowedUses"]
    flags = dict.fromkeys([*USAGES.values(), "encipher_only", "decipher_only"], False)
    flags |= {USAGES[use]: True for use in uses if use in USAGES}
    builder = builder.add_extension(x509.KeyUsage(**flags), critical=True)
    if extended := [EXTENDED[use] for use in uses if use in EXTENDED]:
        builder = builder.add_extension(x509.ExtendedKeyUsage(extended), critical=False)
    return builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())


def algorithm(key: PrivateKeyTypes) -> str:
    """The provider's name for a key's algorithm."""
    if isinstance(key, rsa.RSAPrivateKey):
        return "RSA"
    return "ECDSA" if isinstance(key, ec.EllipticCurvePrivateKey) else "ED25519"


def private_texts(key: PrivateKeyTypes) -> Props:
    """The private key as PEM, PKCS 8 and OpenSSH."""
    pem, none = serialization.Encoding.PEM, serialization.NoEncryption()
    pkcs8 = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, none).decode()
    traditional = pkcs8  # Ed25519 has no other form
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        traditional = key.private_bytes(pem, serialization.PrivateFormat.TraditionalOpenSSL, none).decode()
    openssh = None  # OpenSSH knows no P224
    if not (isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP224R1)):
        openssh = key.private_bytes(pem, serialization.PrivateFormat.OpenSSH, none).decode()
    return {"privateKeyPem": traditional, "privateKeyPemPkcs8": pkcs8, "privateKeyOpenssh": openssh}


def public_texts(key: PrivateKeyTypes) -> Props:
    """The public key as PEM and OpenSSH, and the fingerprints of the latter; empty where OpenSSH knows no such key."""
    public = key.public_key()
    form = serialization.PublicFormat
    pem = public.public_bytes(serialization.Encoding.PEM, form.SubjectPublicKeyInfo).decode()
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP224R1):
        return {
            "publicKeyPem": pem,
            "publicKeyOpenssh": "",
            "publicKeyFingerprintMd5": "",
            "publicKeyFingerprintSha256": "",
        }
    line = public.public_bytes(serialization.Encoding.OpenSSH, form.OpenSSH).decode()
    blob = base64.b64decode(line.split()[1])
    md5 = hashlib.md5(blob).hexdigest()  # noqa: S324  (a fingerprint for people to compare)
    sha256 = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return {
        "publicKeyPem": pem,
        "publicKeyOpenssh": f"{line}\n",
        "publicKeyFingerprintMd5": ":".join(md5[i : i + 2] for i in range(0, len(md5), 2)),
        "publicKeyFingerprintSha256": f"SHA256:{sha256}",
    }


def main(arguments: list[str]) -> None:
    """Serves."""
    del arguments
    kinds = {kind.token: kind() for kind in (PrivateKey, SelfSignedCert)}
    run(Package("tls", "pulumi_tls", lambda _: kinds))
