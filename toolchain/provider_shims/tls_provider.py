"""Provider shim for tls: Ed25519 keys, which exist in the state alone."""

import base64
import hashlib
from typing import ClassVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from toolchain.provider_shims.framework import run
from toolchain.provider_shims.kinds import Operation, Package, StateOnly
from toolchain.provider_shims.schema import Failure
from toolchain.provider_shims.supported import refusal
from toolchain.provider_shims.values import Props

ALGORITHM = "ED25519"


class PrivateKey(StateOnly):
    """A private key, and its public half in the usual formats."""

    token: ClassVar[str] = "tls:index/privateKey:PrivateKey"  # noqa: S105
    inputs: ClassVar[frozenset[str] | None] = frozenset({"algorithm"})
    secret_outputs: ClassVar[frozenset[str]] = frozenset({"privateKeyPem", "privateKeyPemPkcs8", "privateKeyOpenssh"})

    def defaults(self) -> Props:
        """As the real provider, whatever the algorithm."""
        return {"rsaBits": 2048, "ecdsaCurve": "P224"}

    def check(self, inputs: Props) -> list[Failure]:
        """One algorithm only."""
        given = inputs["algorithm"]
        if not isinstance(given, str) or given == ALGORITHM:
            return []
        return [Failure("algorithm", refusal("tls", f"the algorithm {given!r}", {ALGORITHM}))]

    def create(self, inputs: Props, operation: Operation) -> tuple[str, Props]:
        """Generates the key; the id is a hash of the public half."""
        del operation
        outputs = {**inputs, **texts(Ed25519PrivateKey.generate())}
        return hashlib.sha1(outputs["publicKeyPem"].encode()).hexdigest(), outputs  # noqa: S324  (an id, no secret)


def texts(key: Ed25519PrivateKey) -> Props:
    """Both halves as PEM and OpenSSH, and the fingerprints of the public one."""

    def private(form: PrivateFormat) -> str:
        return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()

    public = key.public_key()
    line = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    blob = base64.b64decode(line.split()[1])
    return {
        "privateKeyPem": private(PrivateFormat.PKCS8),
        "privateKeyPemPkcs8": private(PrivateFormat.PKCS8),
        "privateKeyOpenssh": private(PrivateFormat.OpenSSH),
        "publicKeyPem": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        "publicKeyOpenssh": f"{line}\n",
        "publicKeyFingerprintMd5": hashlib.md5(blob).digest().hex(":"),  # noqa: S324  (a fingerprint for people to compare)
        "publicKeyFingerprintSha256": f"SHA256:{base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip('=')}",
    }


def main(arguments: list[str]) -> None:
    """Serves."""
    del arguments
    run(Package("tls", "pulumi_tls", lambda _: {PrivateKey.token: PrivateKey()}))
