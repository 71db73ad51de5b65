"""Asks for a new stack's settings on DigitalOcean and writes its Pulumi.<stack>.yaml: `make init STACK=prod`.

Validates each answer at once: with the configuration's rules, and against the account.
"""

import argparse
import getpass
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pulumi
import yaml

from infra.config import StackConfig
from infra.config.credentials import digitalocean_login
from infra.config.cross_checks import DIGITALOCEAN_REGISTRY
from infra.config.digitalocean import Preset, RegistryTier
from infra.config.types import Target
from infra.paths import ROOT
from infra.resources.digitalocean.client import ApiError, DigitalOcean
from infra.services import service_specs
from infra.targets.digitalocean.checks import AccountState, cloud_issues
from infra.targets.digitalocean.plan import Plan, make_plan
from infra.targets.digitalocean.prices import plan_cost, registry_price
from infra.targets.digitalocean.registry_checks import AccountRegistries, registry_issues
from tools.runner_access import own_address
from tools.stack_settings import NAMESPACE, own_settings, raw_settings, stack_file

PLACEHOLDER = "203.0.113.0/24"
"""The placeholder network in the committed Pulumi.prod.yaml."""
DRUID_SCALE = {Preset.SMALL: 4, Preset.STANDARD: 2, Preset.HA: 2}
"""Settings that fit the preset's droplets."""
CEILING = 1.25
"""The policy pack's cost ceiling as a multiple of the plan's cost: allows for another worker or a larger volume."""


class InitError(Exception):
    """The questions can't be asked, or their answers can't be used."""


@dataclass
class Draft:
    """The stack's settings so far, and the account that they apply to."""

    stack: str
    account: AccountState
    zones: list[str]
    settings: dict[str, Any]
    asked: set[str] = field(default_factory=set)

    def config(self) -> StackConfig:
        """Return the configuration.

        Raises:
            pulumi.RunError: if it breaks a rule.
        """
        return StackConfig.parse(self.stack, raw_settings(self.settings))

    def plan(self) -> Plan:
        """Return the droplets and volumes that the configuration needs."""
        config = self.config()
        return make_plan(config, service_specs(config))

    def cost(self) -> float:
        """Return USD a month."""
        return plan_cost(self.plan(), self.settings["registryTier"], self.account.sizes).monthly

    def problems(self, *, registry: bool) -> list[str]:
        """Return the settings' violations of rules and account limits. Checks the registry only on request."""
        try:
            config = self.config()
        except pulumi.RunError as error:
            return [line.removeprefix("  - ").removeprefix(NAMESPACE) for line in str(error).splitlines()[1:]]
        plan = self.plan()
        issues = cloud_issues(config.name, config.digitalocean, plan, self.account)
        if registry and self.account.registries:
            issues += registry_issues(config, plan.images, self.account.registries)
        return [issue.removeprefix(NAMESPACE) for issue in issues]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.init_stack", description=__doc__)
    parser.add_argument("--stack", required=True)
    stack = parser.parse_args().stack
    try:
        draft = start(stack)
        ask_region(draft)
        ask_preset(draft)
        ask_network(draft)
        ask_domain(draft)
        ask_registry(draft)
        write(draft)
    except (InitError, ApiError) as error:
        sys.exit(f"make init: {error}")
    except KeyboardInterrupt:
        sys.exit("\nmake init: stopped; nothing was written")


def start(stack: str) -> Draft:
    """Read the stack's file and the account.

    Raises:
        InitError: if the stack has another target or is already set up.
        ApiError: if DigitalOcean rejects the token.
    """
    settings = own_settings(stack_file(stack) or stack_file("prod"))
    if settings.get("target") != Target.DIGITALOCEAN:
        message = f"stack {stack} runs on one machine and needs no set-up: use `make up`, or STACK=prod here"
        raise InitError(message)
    if PLACEHOLDER not in settings.get("sshAllowedCidrs", []):
        message = (
            f"Pulumi.{stack}.yaml is set up already: change single settings with `pulumi config set`. To begin again, "
            "delete the file, or restore the committed one"
        )
        raise InitError(message)
    token, endpoint = digitalocean_login(lambda _: None)
    if not token:
        token = getpass.getpass(
            "API token of DigitalOcean, with read and write scope (not shown, not stored): "
        ).strip()
    with DigitalOcean(token, endpoint) as api:
        registries = api.registries()
        account = AccountState(
            account=api.account(),
            sizes=api.sizes(),
            regions=api.regions(),
            droplets=api.droplets(f"clickstream-{stack}"),
            volumes=api.volumes(f"clickstream-{stack}"),
            registries=AccountRegistries(tuple(registries), api.registry_subscription() if registries else None),
        )
        zones = api.zones()
    return Draft(stack, account, zones, {**settings, "registryTier": RegistryTier.BASIC.value})


def ask_region(draft: Draft) -> None:
    """Ask for the region."""
    open_regions = ", ".join(sorted(slug for slug, region in draft.account.regions.items() if region.available))
    ask(f"Region ({open_regions})", "fra1", lambda answer: attempt(draft, region=answer))


def ask_preset(draft: Draft) -> None:
    """Ask for the preset, showing each one's price."""
    print("Presets (docs/digitalocean.md says what runs where):")
    for preset, scale in DRUID_SCALE.items():
        trial = Draft(draft.stack, draft.account, draft.zones, {**draft.settings, **_preset(preset, scale)})
        cost = trial.cost() - registry_price(trial.settings["registryTier"])
        print(f"  {preset:<9} {len(trial.plan().hosts)} droplets, {cost:.2f} USD a month without the registry")

    def accept(answer: str) -> str:
        if answer not in [preset.value for preset in Preset]:
            return f"{answer!r} given; small, standard or ha is allowed"
        return attempt(draft, **_preset(Preset(answer), DRUID_SCALE[Preset(answer)]))

    ask("Preset", Preset.SMALL.value, accept)


def _preset(preset: Preset, scale: int) -> dict[str, Any]:
    return {"preset": preset.value, "druidScale": scale}


def ask_network(draft: Draft) -> None:
    """Ask for the networks that may use SSH. Suggests this machine."""
    try:
        default = f"{own_address()}/32"
    except (httpx.HTTPError, ValueError):
        default = ""

    def accept(answer: str) -> str:
        return attempt(draft, sshAllowedCidrs=[one.strip() for one in answer.split(",")])

    ask("Networks from which you run Pulumi, separated by commas (SSH is open to them only)", default, accept)


def ask_domain(draft: Draft) -> None:
    """Ask for the website's domain and, if there is one, the email address for certificates."""

    def accept(answer: str) -> str:
        if not answer:
            return attempt(draft, domain="", dnsZone="", tls="internal")
        # The email address is not known yet. `internal` needs none, so the other rules for a domain can be checked.
        return attempt(draft, domain=answer, dnsZone=zone_of(answer, draft.zones), tls="internal")

    ask("Domain of the website (empty: none, and browsers warn about the certificate)", "", accept)
    if not (domain := draft.settings["domain"]):
        return
    if zone := draft.settings["dnsZone"]:
        print(f"DigitalOcean manages the zone {zone}: the stack creates the records.")
    else:
        print(f"No zone of this account covers {domain}: after `up`, point it and its subdomains superset., druid. and")
        print("kafka. at the reserved address, which `up` prints.")
    ask(
        "E-mail address for the certificates (Let's Encrypt)",
        "",
        lambda mail: attempt(draft, tls="acme", acmeEmail=mail),
    )


def zone_of(domain: str, zones: list[str]) -> str:
    """Return the longest zone that contains the domain. Empty if none does."""
    covering = [zone for zone in zones if domain == zone or domain.endswith(f".{zone}")]
    return max(covering, key=len, default="")


def ask_registry(draft: Draft) -> None:
    """Ask for the registry: the account's, or a new one."""
    known = draft.account.registries.registries if draft.account.registries else ()

    def accept(answer: str) -> str:
        tier = RegistryTier.EXISTING if any(one.name == answer for one in known) else RegistryTier.BASIC
        server = f"{DIGITALOCEAN_REGISTRY}/{answer}"
        return attempt(draft, registry=True, registryServer=server, registryTier=tier.value)

    names = ", ".join(one.name for one in known)
    note = f"the account has {names}" if known else f"a new one, {registry_price('basic'):.0f} USD a month"
    ask(f"Name of the container registry ({note})", known[0].name if known else f"clickstream-{draft.stack}", accept)


def attempt(draft: Draft, *, registry: bool = False, **settings: Any) -> str:
    """Apply the settings if they are valid. Return the problem, or an empty string."""
    trial = Draft(draft.stack, draft.account, draft.zones, {**draft.settings, **settings})
    if problems := trial.problems(registry=registry):
        return "\n".join(problems)
    draft.settings.update(settings)
    return ""


def ask(question: str, default: str, accept: Callable[[str], str]) -> None:
    """Ask until the answer is accepted.

    Raises:
        InitError: if there is no terminal.
    """
    while True:
        try:
            answer = input(f"{question}{f' [{default}]' if default else ''}: ").strip() or default
        except EOFError:
            message = f"no answer to {question!r}; nothing was written"
            raise InitError(message) from None
        if not (problem := accept(answer)):
            return
        print(f"  {problem}", file=sys.stderr)


def write(draft: Draft) -> None:
    """Write the file and print the next steps."""
    cost = draft.cost()
    draft.settings["monthlyCostCeiling"] = math.ceil(cost * CEILING / 10) * 10
    before = stack_file(draft.stack)
    kept = {key: value for key, value in before.items() if key != "config"}
    others = {key: value for key, value in (before.get("config") or {}).items() if not key.startswith(NAMESPACE)}
    config = {**{f"{NAMESPACE}{key}": value for key, value in draft.settings.items() if value != ""}, **others}
    file = ROOT / f"Pulumi.{draft.stack}.yaml"
    file.write_text(yaml.safe_dump({"config": config, **kept}, sort_keys=False, width=120))
    ceiling = draft.settings["monthlyCostCeiling"]
    print(f"\n{file.name} is written: {cost:.2f} USD a month; plans above {ceiling} are refused.")
    print("Next, with the token in DIGITALOCEAN_TOKEN:")
    print(f"  make preview STACK={draft.stack}    # the plan")
    print(f"  make up STACK={draft.stack}")


if __name__ == "__main__":
    main()
