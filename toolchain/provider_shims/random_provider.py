"""Stand-in for the random plugin: values made once and kept in the state."""

import base64
import secrets
import string
from typing import ClassVar

import bcrypt

from toolchain.provider_shims.diffing import Rules
from toolchain.provider_shims.framework import Kind, Live, Operation, Package, run
from toolchain.provider_shims.schema import Failure
from toolchain.provider_shims.values import Props

SPECIAL = "!@#$%&*()-_=+[]{}<>:?"
BCRYPT_BYTES = 72  # bcrypt reads no further, and newer versions refuse more

REPLACE_ALL = Rules(replace=frozenset({"*"}))


class RandomKind(Kind):
    """What all of them share: the state is the only place where the value is."""

    rules: ClassVar[Rules] = REPLACE_ALL

    def read(self, resource_id: str, inputs: Props, state: Props) -> Live | None:
        """There is nothing to look at; the state is the truth."""
        del resource_id
        return Live(inputs=inputs, outputs=state)

    def delete(self, resource_id: str, inputs: Props, state: Props, operation: Operation) -> None:
        """Nothing to take away."""
        del resource_id, inputs, state, operation


class RandomString(RandomKind):
    """A string of chosen characters."""

    token: ClassVar[str] = "random:index/randomString:RandomString"  # noqa: S105

    def defaults(self) -> Props:
        """As the real provider."""
        flags = dict.fromkeys(("special", "upper", "lower", "number", "numeric"), True)
        minima = dict.fromkeys(("minSpecial", "minUpper", "minLower", "minNumeric"), 0)
        return {**flags, **minima}

    def check(self, inputs: Props) -> list[Failure]:
        """The length must hold what is asked for, and at least one kind of character must be left."""
        length = inputs["length"]
        if not isinstance(length, int):
            return []
        if length < 1:
            return [Failure("length", f"must be at least 1, got {length}")]
        minimum = sum(inputs[f"min{kind}"] for kind in ("Special", "Upper", "Lower", "Numeric"))
        if minimum > length:
            return [Failure("length", f"must be at least {minimum}, the sum of the minima, got {length}")]
        if not any(alphabet(inputs).values()):
            return [Failure("special", "no characters are left to choose from")]
        return []

    def create(self, inputs: Props, operation: Operation) -> tuple[str, Props]:
        """Generates the value."""
        del operation
        value = characters(inputs)
        return value, {**inputs, "result": value}


class RandomPassword(RandomString):
    """The same, secret, with its bcrypt hash."""

    token: ClassVar[str] = "random:index/randomPassword:RandomPassword"  # noqa: S105
    secret_outputs: ClassVar[frozenset[str]] = frozenset({"result", "bcryptHash"})

    def create(self, inputs: Props, operation: Operation) -> tuple[str, Props]:
        """Generates the value; the id says nothing about it."""
        del operation
        value = characters(inputs)
        hashed = bcrypt.hashpw(value.encode()[:BCRYPT_BYTES], bcrypt.gensalt(10)).decode()
        return "none", {**inputs, "result": value, "bcryptHash": hashed}


class RandomBytes(RandomKind):
    """Bytes, secret, as base64 and hexadecimal."""

    token: ClassVar[str] = "random:index/randomBytes:RandomBytes"  # noqa: S105
    secret_outputs: ClassVar[frozenset[str]] = frozenset({"base64", "hex"})

    def create(self, inputs: Props, operation: Operation) -> tuple[str, Props]:
        """Generates the value."""
        del operation
        data = secrets.token_bytes(inputs["length"])
        text = base64.b64encode(data).decode()
        return text, {**inputs, "base64": text, "hex": data.hex()}


class RandomId(RandomKind):
    """A number of so many bytes, in several spellings."""

    token: ClassVar[str] = "random:index/randomId:RandomId"  # noqa: S105

    def create(self, inputs: Props, operation: Operation) -> tuple[str, Props]:
        """Generates the value."""
        del operation
        data = secrets.token_bytes(inputs["byteLength"])
        prefix = inputs.get("prefix", "")
        url = base64.urlsafe_b64encode(data).decode().rstrip("=")
        outputs = {
            **inputs,
            "b64Url": prefix + url,
            "b64Std": prefix + base64.b64encode(data).decode(),
            "hex": prefix + data.hex(),
            "dec": prefix + str(int.from_bytes(data, "big")),
        }
        return url, outputs


def alphabet(inputs: Props) -> dict[str, str]:
    """Characters of each kind that the inputs allow."""
    numeric = inputs["numeric"] and inputs["number"]
    return {
        "Special": (inputs.get("overrideSpecial") or SPECIAL) if inputs["special"] else "",
        "Upper": string.ascii_uppercase if inputs["upper"] else "",
        "Lower": string.ascii_lowercase if inputs["lower"] else "",
        "Numeric": string.digits if numeric else "",
    }


def characters(inputs: Props) -> str:
    """A string that has at least the wanted number of each kind, in random order."""
    kinds = alphabet(inputs)
    chosen = [secrets.choice(kinds[kind]) for kind in kinds for _ in range(inputs[f"min{kind}"]) if kinds[kind]]
    everything = "".join(kinds.values())
    chosen += [secrets.choice(everything) for _ in range(inputs["length"] - len(chosen))]
    secrets.SystemRandom().shuffle(chosen)
    return "".join(chosen)


def main(arguments: list[str]) -> None:
    """Serves."""
    del arguments
    kinds = {kind.token: kind() for kind in (RandomString, RandomPassword, RandomBytes, RandomId)}
    run(Package("random", "pulumi_random", lambda _: kinds))
