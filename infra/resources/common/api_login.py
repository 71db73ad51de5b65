"""The address of an HTTP API and the login for it, as inputs of a resource."""

from dataclasses import dataclass

import pulumi


@dataclass(frozen=True, kw_only=True)
class ApiLogin:
    """`base_url` without a trailing slash; user and password of HTTP Basic or of the API's own login."""

    base_url: str
    username: str
    password: str


@dataclass(frozen=True, kw_only=True)
class ApiLoginArgs:
    """The same, as a Pulumi program passes it. The password becomes a secret."""

    base_url: pulumi.Input[str]
    username: pulumi.Input[str]
    password: pulumi.Input[str]


SECRET = ("password",)
