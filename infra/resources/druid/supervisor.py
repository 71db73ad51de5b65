"""A Kafka supervisor of Druid as a resource. Previews try the spec and show each field; `up` repairs drift."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.dynamic import DiffResult
from pulumi.runtime.rpc import UNKNOWN
from typing_extensions import override

from infra.resources.common.api_login import SECRET, ApiLogin, ApiLoginArgs
from infra.resources.common.keep_data import data_is_kept
from infra.resources.common.messages import report
from infra.resources.common.provider import ManagedResource, Observed, Provider, State
from infra.resources.druid.client import DruidClient, DruidError
from infra.resources.druid.drift import diff_lines, observed, plain, project_onto
from infra.resources.druid.model_issues import ValidationIssue
from infra.resources.druid.row_stats import counts
from infra.resources.druid.sampler import dry_run
from infra.resources.druid.spec import EVENTS, avro_fields, issues

COMPARED = ("base_url", "username", "password", "drop_data")


@dataclass(frozen=True, kw_only=True)
class SupervisorInputs(ApiLogin):
    """See SupervisorArgs."""

    spec: dict[str, Any]
    schema: str = EVENTS
    file: str = ""
    drop_data: bool = False

    @property
    def datasource(self) -> str:
        """The table that it fills; also the supervisor's ID."""
        return _datasource(self.spec)


class DruidSupervisorProvider(Provider[SupervisorInputs]):
    """`applied` is the spec as Druid stores it, with all defaults."""

    outputs = ("supervisor_id", "applied")

    @override
    def problems(self, old: State, new: State) -> Iterable[tuple[str, str]]:
        """Problems with the spec, many of which Druid would accept.

        If Druid is up and the spec has changed, its sampler tries the spec too.
        """
        spec = plain(new.get("spec"))
        if not isinstance(spec, dict):
            return
        before = plain(old.get("spec"))
        found = issues(spec, _schema(new)) or list(_moved(before, spec))
        if not found and spec != before:
            found = _tried(new, spec, before)
        for path, reason in found:
            # No property is named: the engine would print its value, the whole spec, before each reason.
            yield "", f"{new.get('file') or 'spec'}: {path}: {reason}"

    @override
    def diff(self, _id: str, olds: State, news: State) -> DiffResult:
        """Another datasource replaces the supervisor; everything else changes in place.

        A changed login or `drop_data` is a change, because refresh and delete read them from the state.
        """
        found = diff_lines(olds.get("spec"), news.get("spec"))
        report(f"druid: {news.get('file') or 'spec'}", found)
        moved = _datasource(olds["spec"]) != _datasource(news["spec"])
        changed = bool(found) or any(olds.get(key) != news.get(key) for key in COMPARED)
        return DiffResult(changes=changed, replaces=["spec"] if moved else [], delete_before_replace=moved)

    @override
    def create_resource(self, inputs: SupervisorInputs) -> tuple[str, State]:
        """Post the spec and wait until its tasks read. An existing supervisor is adopted.

        The tasks of a running supervisor hand over at their current offsets, so no row is lost or duplicated.
        """
        with _client(inputs) as druid:
            druid.wait_until_up()
            applied = druid.apply(plain(inputs.spec))
        return inputs.datasource, {"supervisor_id": inputs.datasource, "applied": plain(applied)}

    @override
    def observe(self, id_: str, inputs: SupervisorInputs, state: State) -> Observed[SupervisorInputs] | None:
        """The spec with all manual changes since it was applied; None if the supervisor no longer exists."""
        with _client(inputs) as druid:
            druid.wait_until_up()
            running = druid.supervisor_spec(id_)
            if running is None:
                return None
            rows = counts(druid, id_)
        if rows.unparseable:
            report(f"druid: {id_}", [f"{rows.unparseable} records were unparseable; `make ingestion` shows them"])
        live = plain(running)
        applied = state.get("applied")
        spec = observed(state["spec"], applied, live) if applied else project_onto(plain(state["spec"]), live)
        report("druid: changed by hand in Druid", diff_lines(state["spec"], spec))
        return Observed({"spec": spec}, {"applied": live})

    @override
    def delete_resource(self, id_: str, inputs: SupervisorInputs, state: State) -> None:
        """Stop ingestion. The rows stay, unless `drop_data` is set."""
        with _client(inputs) as druid:
            druid.wait_until_up()
            druid.delete_supervisor(id_, drop_data=inputs.drop_data and not data_is_kept())


def _moved(old: Any, spec: dict[str, Any]) -> list[ValidationIssue]:
    """Another topic for the same datasource: Druid would apply the old topic's offsets to it."""
    if not isinstance(old, dict):
        return []
    before, after = old["spec"], spec["spec"]
    if before["dataSchema"]["dataSource"] != after["dataSchema"]["dataSource"]:
        return []
    topics = before["ioConfig"]["topic"], after["ioConfig"]["topic"]
    if topics[0] == topics[1]:
        return []
    reason = (
        f"{topics[1]!r} given, but rows come from {topics[0]!r}, whose offsets mean nothing in another topic. "
        "Give dataSource a new name as well, or destroy this resource first (with druidDropData)"
    )
    return [("spec.ioConfig.topic", reason)]


def _tried(props: Mapping[str, Any], spec: dict[str, Any], old: Any) -> list[ValidationIssue]:
    """Problems from the dry run. None if Druid is not up or fails, since that is no error in the spec."""
    url, user, password = props.get("base_url"), props.get("username"), props.get("password")
    if not (isinstance(url, str) and isinstance(user, str) and isinstance(password, str)) or UNKNOWN in (url, password):
        return []  # They are unknown in the preview of a new stack.
    login = ApiLogin(base_url=url, username=user, password=password)
    with _client(login, timeout=15) as druid:
        if not druid.is_up():
            return []
        try:
            found = dry_run(druid, spec, avro_fields(_schema(props)))
            running = druid.supervisor_spec(_datasource(spec)) if old is None else None
        except DruidError as error:
            report("druid: not tried out", [str(error)])
            return []
    if running is not None:
        lines = diff_lines(project_onto(spec, plain(running)), spec)
        report(f"druid: {_datasource(spec)} is running already and will be adopted", lines or ["nothing in it changes"])
    return found


def _client(login: ApiLogin, timeout: float = 30) -> DruidClient:
    return DruidClient(login.base_url, username=login.username, password=login.password, timeout=timeout)


def _schema(props: Mapping[str, Any]) -> str:
    """The schema. States from before there was a second one do not name it."""
    return str(props.get("schema") or EVENTS)


def _datasource(spec: Mapping[str, Any]) -> str:
    return str(spec["spec"]["dataSchema"]["dataSource"])


@dataclass(frozen=True, kw_only=True)
class SupervisorArgs(ApiLoginArgs):
    """`base_url` is a router's, `spec` the supervisor spec in the format of Druid's API.

    `schema` is the file in services/schema/ that describes the records, `file` is the spec's file, for messages, and
    `drop_data` says whether deleting the resource deletes the rows.
    """

    spec: pulumi.Input[dict[str, Any]]
    schema: str = EVENTS
    file: str = ""
    drop_data: bool = False


class DruidSupervisor(ManagedResource, module="druid", name="Supervisor"):
    """The supervisor of the datasource that the spec names."""

    supervisor_id: pulumi.Output[str]

    def __init__(self, name: str, args: SupervisorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the supervisor."""
        super().__init__(DruidSupervisorProvider(), name, args, opts, secret=SECRET)
