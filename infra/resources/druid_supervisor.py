"""A Kafka supervisor of Druid as a resource: previewed, tried out, diffed by field, healed."""

from collections.abc import Mapping
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
from pulumi.runtime.rpc import UNKNOWN

from infra.resources.clients.druid import DruidClient, DruidError
from infra.resources.druid_drift import differences, mentioned, plain, seen
from infra.resources.druid_dry_run import dry_run
from infra.resources.druid_messages import tell
from infra.resources.druid_model_mistakes import Mistake
from infra.resources.druid_rows import counts
from infra.resources.druid_spec import EVENTS, avro_fields, mistakes
from infra.resources.kept_data import data_is_kept

COMPARED = ("base_url", "username", "password", "drop_data")
COMPUTED = ("supervisor_id", "applied")


class DruidSupervisorProvider(ResourceProvider):
    """State: the inputs, `supervisor_id`, and `applied`, what Druid made of the spec with all its defaults."""

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """What is wrong in the spec, found before anything is posted: Druid itself accepts much of it.

        Where Druid is up and the spec is not what runs, its sampler tries it as well.
        """
        spec = plain(news.get("spec"))
        if not isinstance(spec, dict):
            return CheckResult(news, [])
        old = plain(olds.get("spec"))
        found = mistakes(spec, _schema(news)) or list(_moved(old, spec))
        if not found and spec != old:
            found = _tried(news, spec, old)
        file = news.get("file") or "spec"
        # No property is named: the engine would print its value, the whole spec, before each reason.
        return CheckResult(news, [CheckFailure("", f"{file}: {path}: {reason}") for path, reason in found])

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Another datasource is another supervisor; everything else is changed in place.

        A changed login or `drop_data` counts: the state needs them for the next refresh, and for the end.
        """
        told = differences(olds.get("spec"), news.get("spec"))
        tell(str(news.get("file") or "spec"), told)
        moved = _datasource(olds) != _datasource(news)
        changed = bool(told) or any(olds.get(key) != news.get(key) for key in COMPARED)
        return DiffResult(changes=changed, replaces=["spec"] if moved else [], delete_before_replace=moved)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Post the spec and wait until its tasks read. A supervisor that is there already is taken over."""
        return CreateResult(_datasource(props), _applied(props))

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Post the changed spec: the running tasks hand over where they are, so no row is lost or doubled."""
        return UpdateResult(_applied(news))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """The spec with whatever was changed by hand since it was applied; None if the supervisor is gone."""
        with _client(props) as druid:
            druid.wait_until_up()
            running = druid.supervisor_spec(id_)
            if running is None:
                return ReadResult(None, {})
            rows = counts(druid, id_)
        if rows.unparseable:
            tell(id_, [f"{rows.unparseable} records were unparseable; `make ingestion` shows them"])
        live = plain(running)
        applied = props.get("applied")
        spec = seen(props["spec"], applied, live) if applied else mentioned(plain(props["spec"]), live)
        tell("changed by hand in Druid", differences(props["spec"], spec))
        outs = {**props, "spec": spec, "applied": live}
        return ReadResult(id_, outs, {key: value for key, value in outs.items() if key not in COMPUTED})

    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """Stop ingestion; the rows stay unless `drop_data` says otherwise."""
        with _client(props) as druid:
            druid.wait_until_up()
            druid.delete_supervisor(id_, drop_data=bool(props.get("drop_data")) and not data_is_kept())


def _moved(old: Any, spec: dict[str, Any]) -> list[Mistake]:
    """Another topic under the same datasource: Druid would hold on to offsets that mean nothing there."""
    if not isinstance(old, dict):
        return []
    before, after = old["spec"], spec["spec"]
    if before["dataSchema"]["dataSource"] != after["dataSchema"]["dataSource"]:
        return []
    topics = before["ioConfig"]["topic"], after["ioConfig"]["topic"]
    if topics[0] == topics[1]:
        return []
    reason = (
        f"{topics[1]!r} given, and rows come from {topics[0]!r}: their places in that topic mean nothing in another. "
        "Give dataSource a new name as well, or destroy this resource first (with druidDropData)"
    )
    return [("spec.ioConfig.topic", reason)]


def _tried(props: Mapping[str, Any], spec: dict[str, Any], old: Any) -> list[Mistake]:
    """The dry run. Druid not being up yet, or in trouble of its own, is no mistake of the spec."""
    if UNKNOWN in (props.get("base_url"), props.get("username"), props.get("password")):
        return []
    with _client(props, timeout=15) as druid:
        if not druid.is_up():
            return []
        try:
            found = dry_run(druid, spec, avro_fields(_schema(props)))
            running = druid.supervisor_spec(_datasource(props)) if old is None else None
        except DruidError as error:
            tell("not tried out", [str(error)])
            return []
    if running is not None:
        lines = differences(mentioned(spec, plain(running)), spec)
        tell(f"{_datasource(props)} runs already and is taken over", lines or ["nothing in it changes"])
    return found


def _applied(props: dict[str, Any]) -> dict[str, Any]:
    with _client(props) as druid:
        druid.wait_until_up()
        applied = druid.apply(plain(props["spec"]))
    return {**props, "supervisor_id": _datasource(props), "applied": plain(applied)}


def _client(props: Mapping[str, Any], timeout: float = 30) -> DruidClient:
    return DruidClient(
        str(props["base_url"]), username=str(props["username"]), password=str(props["password"]), timeout=timeout
    )


def _schema(props: Mapping[str, Any]) -> str:
    """State that was written before there was a second schema names none."""
    return str(props.get("schema") or EVENTS)


def _datasource(props: Mapping[str, Any]) -> str:
    return str(props["spec"]["spec"]["dataSchema"]["dataSource"])


class DruidSupervisor(Resource, module="druid", name="Supervisor"):
    """The supervisor of the datasource that the spec names.

    `base_url` is a router's, `username` and `password` the edge's login, `spec` the supervisor spec as Druid's API
    takes it, `schema` the file in services/schema/ that describes the records, `file` where the spec stands, for
    messages, `drop_data` whether deleting the resource deletes the rows.
    """

    supervisor_id: pulumi.Output[str]

    def __init__(  # noqa: PLR0913 - one a property, all by name
        self,
        name: str,
        *,
        base_url: pulumi.Input[str],
        username: pulumi.Input[str],
        password: pulumi.Input[str],
        spec: pulumi.Input[dict[str, Any]],
        schema: str = EVENTS,
        file: str = "",
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
                "schema": schema,
                "file": file,
                "drop_data": drop_data,
                **dict.fromkeys(COMPUTED),
            },
            pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(additional_secret_outputs=["password"])),
        )
