"""Provider shim for random: passwords, which exist in the state alone."""

import secrets
import string
from typing import ClassVar

import bcrypt

from toolchain.provider_shims.framework import run
from toolchain.provider_shims.kinds import Operation, Package, StateOnly
from toolchain.provider_shims.schema import Failure
from toolchain.provider_shims.values import Props

SPECIAL = "!@#$%&*()-_=+[]{}<>:?"
BCRYPT_BYTES = 72  # bcrypt reads no further, and newer versions refuse more


class RandomPassword(StateOnly):
    """A string of chosen characters, secret, with its bcrypt hash."""

    token: ClassVar[str] = "random:index/randomPassword:RandomPassword"  # noqa: S105
    secret_outputs: ClassVar[frozenset[str]] = frozenset({"result", "bcryptHash"})

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
        """Generates the value; the id does not reveal it."""
        del operation
        value = characters(inputs)
        hashed = bcrypt.hashpw(value.encode()[:BCRYPT_BYTES], bcrypt.gensalt(10)).decode()
        return "none", {**inputs, "result": value, "bcryptHash": hashed}


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
    run(Package("random", "pulumi_random", lambda _: {RandomPassword.token: RandomPassword()}))
