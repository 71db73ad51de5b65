"""A Kafka supervisor of Druid as a resource: previewed, tested, diffed field by field, drift repaired."""

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
        """Which table it fills; also the supervisor's id."""
        return _datasource(self.spec)


class DruidSupervisorProvider(Provider[SupervisorInputs]):
    """`applied` is what Druid made of the spec with all its defaults."""

    outputs = ("supervisor_id", "applied")

    @override
    def problems(self, old: State, new: State) -> Iterable[tuple[str, str]]:
        """What is wrong in the spec, found before anything is posted: Druid itself accepts much of it.

        Where Druid is up and the spec is not what runs, its sampler tries it as well.
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
        """Another datasource is another supervisor; everything else is changed in place.

        A changed login or `drop_data` counts: the state needs them for the next refresh, and for the end.
        """
        found = diff_lines(olds.get("spec"), news.get("spec"))
        report(f"druid: {news.get('file') or 'spec'}", found)
        moved = _datasource(olds["spec"]) != _datasource(news["spec"])
        changed = bool(found) or any(olds.get(key) != news.get(key) for key in COMPARED)
        return DiffResult(changes=changed, replaces=["spec"] if moved else [], delete_before_replace=moved)

    @override
    def create_resource(self, inputs: SupervisorInputs) -> tuple[str, State]:
        """Post the spec and wait until its tasks read. A supervisor that is there already is adopted.

        The tasks of one that runs hand over where they are, so no row is lost or doubled.
        """
        with _client(inputs) as druid:
            druid.wait_until_up()
            applied = druid.apply(plain(inputs.spec))
        return inputs.datasource, {"supervisor_id": inputs.datasource, "applied": plain(applied)}

    @override
    def observe(self, id_: str, inputs: SupervisorInputs, state: State) -> Observed[SupervisorInputs] | None:
        """The spec with whatever was changed by hand since it was applied; None if the supervisor is gone."""
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
        """Stop ingestion; the rows stay unless `drop_data` says otherwise."""
        with _client(inputs) as druid:
            druid.wait_until_up()
            druid.delete_supervisor(id_, drop_data=inputs.drop_data and not data_is_kept())


def _moved(old: Any, spec: dict[str, Any]) -> list[ValidationIssue]:
    """Another topic under the same datasource: Druid would keep offsets that mean nothing there."""
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
    """The dry run. Druid not being up yet, or having problems of its own, is not an error in the spec."""
    url, user, password = props.get("base_url"), props.get("username"), props.get("password")
    if not (isinstance(url, str) and isinstance(user, str) and isinstance(password, str)) or UNKNOWN in (url, password):
        return []  # A preview of a stack that does not exist yet: none of them is known.
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
    """State that was written before there was a second schema names none."""
    return str(props.get("schema") or EVENTS)


def _datasource(spec: Mapping[str, Any]) -> str:
    return str(spec["spec"]["dataSchema"]["dataSource"])


@dataclass(frozen=True, kw_only=True)
class SupervisorArgs(ApiLoginArgs):
    """`base_url` is a router's, `spec` the supervisor spec as Druid's API takes it.

    `schema` is the file in services/schema/ that describes the records, `file` where the spec stands, for messages,
    `drop_data` whether deleting the resource deletes the rows.
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
