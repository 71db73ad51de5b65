"""The way to the platform's pages: directly, or through ssh."""

from infra.resources.druid.http import DruidHttp

NO_WAY = "https+ssh://root@192.0.2.1/druid.example.com?access=clickstream-no-such-stack&alias=manager-1"


def test_druid_behind_a_host_that_ssh_does_not_reach_is_not_up() -> None:
    """A preview goes on without trying the spec out: it may be the one that makes the host again."""
    with DruidHttp(NO_WAY, username="admin", password="unused") as druid:
        assert not druid.is_up()
