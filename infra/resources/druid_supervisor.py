"""A Kafka supervisor of Druid as a resource: previewed, diffed by field, healed."""

from typing import Any

import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

from infra.resources.clients.druid import DruidClient
from infra.resources.druid_spec import drift, mistakes


class DruidSupervisorProvider(ResourceProvider):
    """State: the inputs plus `supervisor_id`. The login is an input, but no reason for an update."""

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """What is wrong in the spec, found before anything is posted: Druid itself accepts much of it."""
        spec = news.get("spec")
        if not isinstance(spec, dict):
            return CheckResult(news, [])
        return CheckResult(news, [CheckFailure(f"spec.{path}", reason) for path, reason in mistakes(spec)])

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Another datasource is another supervisor; any other change of the spec is posted in place."""
        moved = _datasource(olds) != _datasource(news)
        changed = moved or olds.get("spec") != news.get("spec") or olds.get("base_url") != news.get("base_url")
        return DiffResult(changes=changed, replaces=["spec"] if moved else [], delete_before_replace=moved)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Post the spec and wait until it runs."""
        self._post(props)
        datasource = _datasource(props)
        return CreateResult(datasource, {**props, "supervisor_id": datasource})

    def update(self, id_: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Post the changed spec: the running tasks hand over where they are, so no row is lost or doubled."""
        self._post(news)
        return UpdateResult({**news, "supervisor_id": id_})

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """The spec that runs, where it differs from ours; suspended counts as different."""
        with _client(props) as druid:
            druid.wait_until_up()
            running = druid.supervisor_spec(id_)
        if running is None:
            return ReadResult(None, {})
        seen = {**props, "spec": drift(props["spec"], running)}
        inputs = {key: value for key, value in seen.items() if key != "supervisor_id"}
        return ReadResult(id_, seen, inputs)

    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """Stop ingestion; the rows stay unless `drop_data` says otherwise."""
        with _client(props) as druid:
            druid.wait_until_up()
            druid.delete_supervisor(id_, drop_data=bool(props.get("drop_data")))

    @staticmethod
    def _post(props: dict[str, Any]) -> None:
        with _client(props) as druid:
            druid.wait_until_up()
            druid.post_supervisor(props["spec"])
            druid.wait_until_running(_datasource(props))


def _client(props: dict[str, Any]) -> DruidClient:
    return DruidClient(str(props["base_url"]), username=str(props["username"]), password=str(props["password"]))


def _datasource(props: dict[str, Any]) -> str:
    return str(props["spec"]["spec"]["dataSchema"]["dataSource"])


class DruidSupervisor(Resource, module="druid", name="Supervisor"):
    """The supervisor of the datasource that the spec names.

    `base_url` is a router's, `username` and `password` the edge's login, `spec` the supervisor spec as Druid's API
    takes it, `drop_data` whether deleting the resource deletes the rows.
    """

    supervisor_id: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        base_url: pulumi.Input[str],
        username: pulumi.Input[str],
        password: pulumi.Input[str],
        spec: pulumi.Input[dict[str, Any]],
        drop_data: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare the supervisor."""
        super().__init__(
            DruidSupervisorProvider(),
            name,
            {
                "base_url": base_url,
                "username": username,
                "password": pulumi.Output.secret(password),
                "spec": spec,
                "drop_data": drop_data,
                "supervisor_id": None,
            },
            opts,
        )
