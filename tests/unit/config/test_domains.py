"""Several domains of the website, and the redirect of www."""

from typing import Any

import pulumi
import pytest

from infra.config import ConfigError, StackConfig
from infra.platform.druid import CONSOLE
from infra.platform.edge import edge_spec
from infra.swarm.admin_page import host_names
from tests.support.stack_config import raw_config


def parse(**changes: Any) -> StackConfig:
    return StackConfig.parse("test", raw_config(**changes))


def test_the_website_has_the_names_of_all_domains_and_of_www_if_redirected() -> None:
    config = parse(domain="a.example", domains=["b.example"], redirectWww="true")
    assert config.edge.website_names == ("a.example", "b.example", "www.a.example", "www.b.example")
    assert host_names(config.edge, []) == {
        "website": "a.example", **{name: name for name in ("b.example", "www.a.example", "www.b.example")}
    }  # fmt: skip
    env = edge_spec(config, pages=()).env
    assert (env["EDGE_DOMAIN"], env["EDGE_DOMAINS"], env["EDGE_REDIRECT_WWW"]) == ("a.example", "b.example", "true")


def test_without_these_settings_the_edges_environment_is_unchanged() -> None:
    assert parse().edge.website_names == ()
    assert parse(domain="a.example").edge.website_names == ("a.example",)
    assert not {"EDGE_DOMAINS", "EDGE_REDIRECT_WWW"} & edge_spec(parse(domain="a.example"), pages=()).env.keys()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"domains": ["b.example"]}, "domains is not empty, which needs domain"),
        ({"redirectWww": "true"}, "redirectWww is true, which needs domain"),
        ({"domain": "a.example", "domains": ["a.example"]}, "a.example is listed twice in domain and domains"),
        (
            {"domain": "a.example", "domains": ["http://b.example"]},
            "clickstream:domains[0]: 'http://b.example' given",
        ),
        (
            {"domain": "www.a.example", "redirectWww": "true"},
            "redirectWww is true and www.a.example is listed; list a.example",
        ),
    ],
)
def test_conflicting_settings_are_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(**changes)
    assert said in str(error.value)


def test_a_domain_with_the_name_of_an_admin_page_is_refused() -> None:
    config = parse(domain="a.example", domains=["druid.a.example"], tls="internal", websitePort="443")
    with pytest.raises(pulumi.RunError, match=r"clickstream:domains: druid\.a\.example given"):
        host_names(config.edge, [CONSOLE])
