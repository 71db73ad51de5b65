"""What a wrong configuration says, and what a right one becomes."""

from typing import Any

import pytest
import yaml

from infra.config import ConfigError, StackConfig, Target, Tls
from infra.paths import ROOT
from tests.support.stack_config import raw_config


def parse(**changes: Any) -> StackConfig:
    return StackConfig.parse("test", raw_config(**changes))


def issues(**changes: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(**changes)
    return str(caught.value)


def test_the_declared_defaults_are_a_valid_local_stack() -> None:
    config = parse()
    assert config.target is Target.LOCAL
    assert config.edge.tls is Tls.OFF
    assert config.name == "clickstream-test"


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_committed_stacks_are_valid(stack: str) -> None:
    StackConfig.parse(stack, raw_config(stack))


def test_every_key_is_declared_with_type_default_and_description() -> None:
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    for key, entry in declared.items():
        assert {"type", "default", "description"} <= set(entry), f"{key} lacks one of type, default, description"


def test_every_declared_key_is_read_and_every_read_key_declared() -> None:
    declared = set(yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"])
    read = {"target"}
    for section in (
        "edge",
        "pipeline",
        "tracking",
        "sites",
        "kafka",
        "archive",
        "druid",
        "superset",
        "images",
        "digitalocean",
    ):
        model = type(getattr(parse(), section))
        read |= {field.alias for field in model.model_fields.values() if field.alias}
    assert read == declared


def test_the_viewer_is_not_the_administrator() -> None:
    assert "clickstream:viewerUser: 'admin' given, the same as adminUser" in issues(viewerUser="admin")


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("websitePort", 70000, "65535"),
        ("target", "aws", "`local` or `digitalocean`"),
        ("tls", "on", "'acme'"),
        ("kafkaImage", "apache/kafka:latest", "apache/kafka@sha256:"),
        ("druidTaskDuration", "1 hour", "PT1H"),
        ("druidCacheGiB", -1, "greater than or equal to 0"),
        ("publicDashboards", ["Not a slug"], "the slug of a dashboard"),
        ("homeDashboard", "My dashboard", "the slug of a dashboard in superset_assets/, or empty"),
        ("privateVisitorIp", "81.2.69.999", "81.2.69.142"),
        ("collectorPrefix", "c/", "begins and ends with a slash"),
        ("collectorEventSuffix", "", "letters, digits"),
        ("collectorJsonPath", "json", "/json-event"),
        ("trackerScript", "../divolte.js", "ends in .js"),
        ("partyCookie", "a;b", "_dvp"),
        ("cookieDomain", "example com", ".example.com"),
        ("acknowledge", "later", "'durable' or 'first'"),
        ("confluentSchemaId", "-1", "greater than or equal to 0"),
        ("duplicateWindowHours", 1000, "720"),
        ("collectorSpoolMiB", 1, "64"),
        ("botSignals", 5, "4"),
        ("privacySignals", "maybe", "'anonymise' or 'drop'"),
        ("ipStorage", "hashed", "'truncated' or 'none'"),
        ("urlParameters", ["a b"], "the name of a query parameter, for example utm_source"),
        ("urlParameters", ["*", "q"], "`*`, which alone keeps every parameter"),
        ("consentParameter", "a b", "consent"),
        ("withoutConsent", "ask", "'anonymise' or 'drop'"),
        ("trustedProxies", ["10.0.0.1/8"], "203.0.113.0/24"),
        ("allowedOrigins", ["shop.example.com"], "https://shop.example.com"),
        ("allowedOrigins", ["https://shop.example.com/"], "without a path"),
        ("allowedOrigins", ["https://Shop.example.com"], "in lower case"),
        ("allowedOrigins", ["https://shop.example.com:65536"], "http://localhost:3000"),
        ("allowedOrigins", ["https://shop.example.com:443"], "as browsers send it: https://shop.example.com"),
        ("allowedOrigins", ["*"], "https://shop.example.com"),
        ("ignoredReferrers", ["https://paypal.com/"], "without scheme"),
        ("ignoredReferrers", ["PayPal.com"], "in lower case"),
        ("adminUser", "Admin User", "admin"),
        ("domain", "Not A Domain", "clicks.example.com"),
        ("converterDelivery", "twice", "'exactly-once' or 'at-least-once'"),
        ("publicDashboards", ["Click Stream"], "the slug of a dashboard"),
        ("topicPartitions", 0, "greater than or equal to 1"),
    ],
)
def test_a_mistake_names_its_key_the_value_and_what_is_allowed(key: str, value: Any, allowed: str) -> None:
    said = issues(**{key: value})
    assert f"clickstream:{key}" in said
    assert str(value[0] if isinstance(value, list) else value) in said
    assert allowed in said


def test_all_mistakes_are_reported_together() -> None:
    said = issues(websitePort=0, druidScale=99, clarityId="NO!", target="moon")
    assert "4 errors" in said
    for key in ("websitePort", "druidScale", "clarityId", "target"):
        assert f"clickstream:{key}" in said


def test_two_services_cannot_publish_one_port() -> None:
    assert "supersetPort and websitePort are both 8000" in issues(supersetPort=8000)


def test_acme_needs_a_domain_and_an_address() -> None:
    assert "needs domain and acmeEmail" in issues(tls="acme", domain="clicks.example.com")
    parse(tls="acme", domain="clicks.example.com", acmeEmail="ops@example.com")


def test_more_readers_than_partitions_are_refused() -> None:
    said = issues(converterReplicas=5, druidTaskCount=6, topicPartitions=4)
    assert "clickstream:converterReplicas: 5" in said
    assert "clickstream:druidTaskCount: 6" in said


def test_a_secret_with_a_mistake_is_not_printed() -> None:
    said = issues(ipstackAccessKey="not-a-key!")
    assert "clickstream:ipstackAccessKey: a secret given; allowed: the letters and digits" in said
    assert "not-a-key" not in said


def test_an_even_number_of_managers_is_refused() -> None:
    assert "use 1 or 3" in issues(managerCount=2)


def test_overlay_addresses_must_not_overlap_the_private_network() -> None:
    assert "overlaps" in issues(swarmAddressPool="10.116.0.0/16")


def test_ssh_is_never_open_to_the_world() -> None:
    assert "whole internet" in issues(sshAllowedCidrs=["0.0.0.0/0"])


def test_droplets_need_a_registry_to_pull_from() -> None:
    assert "clickstream:registryServer" in issues(target="digitalocean")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"archive": "bucket"}, "archive is `bucket`, which needs archiveBucket, archiveBucketAccessKey"),
        ({"archiveBucket": "shop"}, "archiveBucket: given, but archive is `folder`"),
        ({"archive": "disk"}, "clickstream:archive: 'disk' given; allowed: "),
        ({"archiveBucketEndpoint": "spaces"}, "clickstream:archiveBucketEndpoint: 'spaces' given; allowed: the URL"),
    ],
)
def test_an_archive_without_a_place_is_refused(changes: dict[str, str], said: str) -> None:
    assert said in issues(**changes)
