"""DigitalOcean's API: what previews read (prices, regions, limits, existing resources), and a few changes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Self

import httpx

from infra.resources.common.retry import RetryPolicy

ENDPOINT = "https://api.digitalocean.com"
RETRY_POLICY = RetryPolicy(attempts=6, first_pause=1)
"""Half a minute in total, or longer if the responses ask for it: limits are per minute and per hour."""


class ApiError(Exception):
    """DigitalOcean refuses a request or does not answer. The text says which and what to do."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """A droplet size. Memory in MiB, price in USD a month."""

    slug: str
    memory: int
    price: float
    regions: frozenset[str]
    available: bool


@dataclass(frozen=True, kw_only=True)
class Region:
    """A region. One that is not available accepts no new droplets."""

    slug: str
    available: bool


@dataclass(frozen=True, kw_only=True)
class LiveDroplet:
    """A droplet of the stack as it is now."""

    id: int
    name: str
    region: str
    size: str
    image: str
    status: str


@dataclass(frozen=True, kw_only=True)
class LiveVolume:
    """A volume of the stack as it is now."""

    name: str
    region: str
    gibibytes: int


@dataclass(frozen=True, kw_only=True)
class Account:
    """The account's limits and usage."""

    droplet_limit: int
    droplets: int
    reserved_ip_limit: int
    reserved_ips: int


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """A subscription of the container registry. Price in USD a month; 0 repositories means no limit.

    With `overage`, more than the included storage is possible and costs more.
    """

    slug: str
    repositories: int
    storage_bytes: int
    overage: bool
    price: float


@dataclass(frozen=True, kw_only=True)
class LiveRegistry:
    """A container registry as it is now."""

    name: str
    used_bytes: int
    repositories: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class LiveFirewall:
    """A firewall as it is now. Its status is `waiting`, then `succeeded` or `failed`."""

    id: str
    name: str
    status: str
    created_at: datetime


class DigitalOcean:
    """One account, by its token."""

    def __init__(self, token: str, endpoint: str = "", *, transport: httpx.BaseTransport | None = None) -> None:
        """Sends nothing yet."""
        self._http = httpx.Client(
            base_url=endpoint or ENDPOINT,
            headers={"Authorization": f"Bearer {token}"},
            timeout=15,
            transport=transport,
        )

    def __enter__(self) -> Self:
        """Use as a context manager, so that the connection is closed."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self._http.close()

    def account(self) -> Account:
        """The account's limits and usage. The API reports no limit for volumes."""
        found = self._get("/v2/account")["account"]

        def total(path: str) -> int:
            return int(self._get(path, per_page=1)["meta"]["total"])

        return Account(
            droplet_limit=int(found["droplet_limit"]),
            droplets=total("/v2/droplets"),
            reserved_ip_limit=int(found["floating_ip_limit"]),
            reserved_ips=total("/v2/reserved_ips"),
        )

    def sizes(self) -> dict[str, Size]:
        """Every size, by slug."""
        return {
            item["slug"]: Size(
                slug=item["slug"],
                memory=int(item["memory"]),
                price=float(item["price_monthly"]),
                regions=frozenset(item["regions"]),
                available=bool(item["available"]),
            )
            for item in self._pages("/v2/sizes", "sizes")
        }

    def regions(self) -> dict[str, Region]:
        """Every region, by slug."""
        return {
            item["slug"]: Region(slug=item["slug"], available=bool(item["available"]))
            for item in self._pages("/v2/regions", "regions")
        }

    def droplets(self, tag: str) -> list[LiveDroplet]:
        """Those with the tag."""
        return [
            LiveDroplet(
                id=int(item["id"]),
                name=item["name"],
                region=item["region"]["slug"],
                size=item["size_slug"] if "size_slug" in item else item["size"]["slug"],
                image=str((item.get("image") or {}).get("slug") or (item.get("image") or {}).get("id") or ""),
                status=item["status"],
            )
            for item in self._pages("/v2/droplets", "droplets", tag_name=tag)
        ]

    def volumes(self, tag: str) -> list[LiveVolume]:
        """Those with the tag."""
        return [
            LiveVolume(name=item["name"], region=item["region"]["slug"], gibibytes=int(item["size_gigabytes"]))
            for item in self._pages("/v2/volumes", "volumes")
            if tag in (item.get("tags") or [])
        ]

    def registries(self) -> list[LiveRegistry]:
        """The account's container registries with the names of their repositories."""
        return [
            LiveRegistry(
                name=item["name"],
                used_bytes=int(item.get("storage_usage_bytes") or 0),
                repositories=tuple(
                    sorted(
                        repository["name"]
                        for repository in self._pages(f"/v2/registries/{item['name']}/repositoriesV2", "repositories")
                    )
                ),
            )
            for item in self._get("/v2/registries").get("registries") or []
        ]

    def registry_subscription(self) -> Subscription:
        """The subscription of an account that has a registry."""
        tier = self._get("/v2/registries/subscription")["subscription"]["tier"]
        return Subscription(
            slug=tier["slug"],
            repositories=int(tier["included_repositories"]),
            storage_bytes=int(tier["included_storage_bytes"]),
            overage=bool(tier["allow_storage_overage"]),
            price=int(tier["monthly_price_in_cents"]) / 100,
        )

    def zones(self) -> list[str]:
        """The domains whose DNS records the account manages."""
        return [item["name"] for item in self._pages("/v2/domains", "domains")]

    def firewalls(self) -> list[LiveFirewall]:
        """All firewalls of the account."""
        return [
            LiveFirewall(
                id=item["id"],
                name=item["name"],
                status=item["status"],
                created_at=datetime.fromisoformat(item["created_at"]),
            )
            for item in self._pages("/v2/firewalls", "firewalls")
        ]

    def open_port(self, name: str, *, tag: str, port: int, address: str) -> None:
        """Open a TCP port of the droplets with the tag to one address, with a separate firewall. Creates the tag.

        The rules of all firewalls of a droplet add up.
        """
        self._request("POST", "/v2/tags", json={"name": tag})
        rule = {"protocol": "tcp", "ports": str(port), "sources": {"addresses": [address]}}
        self._request("POST", "/v2/firewalls", json={"name": name, "tags": [tag], "inbound_rules": [rule]})

    def delete_firewall(self, firewall_id: str) -> None:
        """Delete a firewall, which closes the ports that it opened."""
        self._request("DELETE", f"/v2/firewalls/{firewall_id}")

    def power_on(self, droplet_id: int) -> bool:
        """Power on a droplet that is off; returns whether it was off."""
        status = self._get(f"/v2/droplets/{droplet_id}")["droplet"]["status"]
        if status != "off":
            return False
        self._request("POST", f"/v2/droplets/{droplet_id}/actions", json={"type": "power_on"})
        return True

    def _pages(self, path: str, key: str, **query: Any) -> Iterator[Any]:
        page = 1
        while True:
            answer = self._get(path, page=page, per_page=200, **query)
            yield from answer[key]
            if "next" not in ((answer.get("links") or {}).get("pages") or {}):
                return
            page += 1

    def _get(self, path: str, **query: Any) -> Any:
        return self._request("GET", path, params=query or None)

    def _request(self, method: str, path: str, **more: Any) -> Any:
        try:
            return self._checked(RETRY_POLICY.call(lambda: self._http.request(method, path, **more)))
        except httpx.TransportError as error:
            message = f"DigitalOcean's API at {self._http.base_url} does not answer: {error or type(error)}"
            raise ApiError(message) from None

    @staticmethod
    def _checked(answer: httpx.Response) -> Any:
        if answer.is_success:
            return answer.json() if answer.content else None
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            message = (
                "DigitalOcean refuses the token (401); set a valid one with "
                "`pulumi config set --secret digitalocean:token <token>` or DIGITALOCEAN_TOKEN"
            )
        elif answer.status_code == HTTPStatus.FORBIDDEN:
            message = f"the DigitalOcean token lacks the scope for {answer.request.method} {answer.request.url.path}"
        elif answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            message = (
                "the DigitalOcean token has made too many requests (429): at most 5000 an hour and 250 a minute are "
                "allowed; check what else uses it, wait, then try again"
            )
        else:
            message = f"DigitalOcean answers {answer.status_code} to {answer.request.url.path}: {answer.text[:300]}"
            if answer.status_code in RETRY_POLICY.statuses:
                again = "see https://status.digitalocean.com, and try again"
                message = f"{message}, {RETRY_POLICY.attempts} times in a row; {again}"
        raise ApiError(message)
