"""Preflight checks on DigitalOcean's registry: does its subscription have room for the stack's images?"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from infra.config import StackConfig
from infra.config.cross_checks import DIGITALOCEAN_REGISTRY
from infra.config.digitalocean import RegistryTier
from infra.images.source import ImageSource, pushed_mebibytes
from infra.resources.digitalocean.client import LiveRegistry, Subscription
from infra.targets.digitalocean.prices import GIB, MIB, SUBSCRIPTIONS


@dataclass(frozen=True)
class AccountRegistries:
    """The account's registries and its subscription, if any."""

    registries: tuple[LiveRegistry, ...]
    subscription: Subscription | None


def uses_account_registry(config: StackConfig) -> bool:
    """Whether images go to the configured token's account. A configured login may belong to another account."""
    host, _, _ = config.images.registry_server.partition("/")
    return host == DIGITALOCEAN_REGISTRY and not config.images.registry_user


def registry_issues(config: StackConfig, images: Iterable[ImageSource], account: AccountRegistries | None) -> list[str]:
    """Reasons why these images can't be pushed. `account` is None if it was not queried."""
    tier = config.digitalocean.registry_tier
    _, _, name = config.images.registry_server.partition("/")
    if tier is RegistryTier.EXISTING:
        if account is None:
            return []
        live = next((registry for registry in account.registries if registry.name == name), None)
        if live is None or account.subscription is None:
            return [_missing(name, account)]
        subscription, given = account.subscription, f"existing given, which is {describe(account.subscription)}"
    else:
        live = next((registry for registry in account.registries if registry.name == name), None) if account else None
        subscription = SUBSCRIPTIONS[tier]
        given = f"{describe(subscription)} given"
        if account and account.registries and live is None and subscription.repositories:
            return [_another(tier, account)]
    needed = pushed_mebibytes(images) * MIB
    return [
        f"clickstream:registryTier: {given}; {problem}"
        for problem in (
            *_storage_problems(subscription, needed),
            *(_repository_problems(config.name, subscription, live) if live else ()),
        )
    ]


def registry_warnings(config: StackConfig, account: AccountRegistries) -> Iterator[str]:
    """Warnings about costs beyond the plan's."""
    tier = config.digitalocean.registry_tier
    subscription = account.subscription if tier is RegistryTier.EXISTING else SUBSCRIPTIONS[tier]
    used = max((registry.used_bytes for registry in account.registries), default=0)
    if subscription and subscription.overage and used > subscription.storage_bytes:
        yield (
            f"the registry stores {used / GIB:.1f} GiB, and {describe(subscription)} includes "
            f"{subscription.storage_bytes / GIB:.0f} GiB; each extra GiB costs 0.02 USD a month. Delete old images, "
            "then `doctl registry garbage-collection start`"
        )


def describe(subscription: Subscription) -> str:
    """The tier and its price."""
    return f"`{subscription.slug}` ({subscription.price:.2f} USD a month)"


def _missing(name: str, account: AccountRegistries) -> str:
    names = ", ".join(registry.name for registry in account.registries)
    if names:
        return (
            f"clickstream:registryServer: {DIGITALOCEAN_REGISTRY}/{name} given, and the account has registry {names}; "
            "use that one"
        )
    return (
        "clickstream:registryTier: existing given, and the account has no registry; with "
        f"{describe(SUBSCRIPTIONS[RegistryTier.BASIC])} the stack creates one"
    )


def _another(tier: RegistryTier, account: AccountRegistries) -> str:
    name = account.registries[0].name
    return (
        f"clickstream:registryTier: {tier} given, and the account has registry {name}; below `professional` an account "
        f"has only one: set registryServer to {DIGITALOCEAN_REGISTRY}/{name} and registryTier to `existing`"
    )


def _storage_problems(subscription: Subscription, needed: int) -> Iterator[str]:
    if needed > subscription.storage_bytes and not subscription.overage:
        yield (
            f"it stores {subscription.storage_bytes / MIB:.0f} MiB, and the stack's images take "
            f"{needed / MIB:.0f} MiB: use {describe(SUBSCRIPTIONS[RegistryTier.BASIC])}"
        )


def _repository_problems(repository: str, subscription: Subscription, live: LiveRegistry) -> Iterator[str]:
    limit, present = subscription.repositories, live.repositories
    if limit and repository not in present and len(present) >= limit:
        yield (
            f"it allows {limit} repositories, and {live.name} has {len(present)} ({', '.join(present)}); the stack "
            f"needs one more, {repository}. Delete one that nothing uses (`doctl registry repository delete <name>`), "
            f"or use {describe(SUBSCRIPTIONS[RegistryTier.PROFESSIONAL])}"
        )
