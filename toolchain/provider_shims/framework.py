"""A resource provider: Pulumi's protocol on one side, a `Kind` for each resource type on the other.

A `Kind` sees plain values. Secrets, unknown values, type checks, differences and the wire format are handled here.
"""

import hashlib
import importlib.metadata
import json
import secrets
import threading
from typing import TYPE_CHECKING, Any, NoReturn

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from toolchain.provider_shims import schema, values
from toolchain.provider_shims.diffing import Change, Rules, without_none
from toolchain.provider_shims.diffing import Kind as ChangeKind
from toolchain.provider_shims.kinds import Kind, Operation, Package, PartialError, ProviderError
from toolchain.provider_shims.schema import Failure, ResourceSchema
from toolchain.provider_shims.serving import serve
from toolchain.provider_shims.supported import refusal, unsupported_inputs
from toolchain.provider_shims.values import DEFAULTS_KEY, UNKNOWN, Props, Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

RANDOM_NAME_LENGTH = 7  # as Pulumi's providers name things


class ProviderServicer(provider_pb2_grpc.ResourceProviderServicer):
    """The protocol."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._kinds: Mapping[str, Kind] = {}
        self._cancelled = threading.Event()

    # -- the provider itself

    def Handshake(  # noqa: N802
        self, request: provider_pb2.ProviderHandshakeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ProviderHandshakeResponse:
        del request, context
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)

    def GetPluginInfo(  # noqa: N802
        self, request: empty_pb2.Empty, context: grpc.ServicerContext
    ) -> plugin_pb2.PluginInfo:
        del request, context
        return plugin_pb2.PluginInfo(version=importlib.metadata.version(self._package.module.replace("_", "-")))

    def CheckConfig(  # noqa: N802
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        del context
        configuration = plain_configuration(self._package.module, values.decode(request.news))
        failures = list(schema.provider_schema(self._package.module).check(configuration, ""))
        if not failures:
            failures = unsupported_inputs(self._package.name, configuration, self._package.configuration)
        return provider_pb2.CheckResponse(inputs=request.news, failures=_wire_failures(failures))

    def DiffConfig(  # noqa: N802
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        del context
        old = values.reveal(values.decode(request.old_inputs or request.olds))
        return _wire_diff(Rules().changes(old, values.reveal(values.decode(request.news))))

    def Configure(  # noqa: N802
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        configuration = plain_configuration(self._package.module, values.decode(request.args))
        try:
            self._kinds = self._package.kinds(
                {key: value for key, value in configuration.items() if not values.has_unknown(value)}
            )
        except ProviderError as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Cancel(  # noqa: N802
        self, request: empty_pb2.Empty, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        del request, context
        self._cancelled.set()
        return empty_pb2.Empty()

    def Invoke(  # noqa: N802
        self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.InvokeResponse:
        context.abort(
            grpc.StatusCode.UNIMPLEMENTED,
            refusal(self._package.name, f"the function {request.tok}", ()),
        )

    # -- resources

    def Check(  # noqa: N802
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        token = _token(request.urn)
        kind = self._kind(token, context)
        inputs = without_none(values.decode(request.news))
        plain = values.reveal(inputs)
        failures = self._schema(token).check(plain) or unsupported_inputs(self._package.name, plain, kind.inputs)
        if failures:
            return provider_pb2.CheckResponse(failures=_wire_failures(failures))
        defaulted = []
        for key, value in kind.defaults().items():
            if inputs.get(key) is None:
                inputs[key] = value
                defaulted.append(key)
        if kind.autonamed and inputs.get("name") is None:
            olds = values.reveal(values.decode(request.olds))
            kept = olds.get("name") if "name" in olds.get(DEFAULTS_KEY, []) else None
            inputs["name"] = kept or unique_name(request.urn.rsplit("::", 1)[-1], request.randomSeed)
            defaulted.append("name")
        failures = kind.check(values.reveal(inputs))
        if defaulted:
            inputs[DEFAULTS_KEY] = sorted(defaulted)
        return provider_pb2.CheckResponse(inputs=values.encode(inputs), failures=_wire_failures(failures))

    def Diff(  # noqa: N802
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        kind = self._kind(_token(request.urn), context)
        state = values.reveal(values.decode(request.olds))
        old = kind.planned_from(values.reveal(values.decode(request.old_inputs)), state)
        new = values.reveal(values.decode(request.news))
        for ignored in request.ignoreChanges:
            _copy_path(ignored, old, new)
        changes = kind.rules.changes(old, new)
        named = new.get("name") is not None and "name" not in new.get(DEFAULTS_KEY, [])
        # Two things of one name cannot stand side by side, so the old one goes first.
        first = kind.autonamed and named and old.get("name") == new.get("name")
        return _wire_diff(changes, delete_first=first)

    def Create(  # noqa: N802
        self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CreateResponse:
        token = _token(request.urn)
        kind = self._kind(token, context)
        marked = values.decode(request.properties)
        inputs = values.reveal(marked)
        if request.preview:
            return provider_pb2.CreateResponse(properties=values.encode(self._planned_outputs(token, kind, marked)))
        with _reported(context, kind, marked):
            resource_id, outputs = kind.create(_clean(inputs), self._operation(request.urn, request.timeout))
            return provider_pb2.CreateResponse(id=resource_id, properties=_outputs(kind, outputs, marked))
        raise AssertionError

    def Update(  # noqa: N802
        self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.UpdateResponse:
        token = _token(request.urn)
        kind = self._kind(token, context)
        marked = values.decode(request.news)
        state = values.reveal(values.decode(request.olds))
        old = values.reveal(values.decode(request.old_inputs))
        new = values.reveal(marked)
        for ignored in request.ignoreChanges:
            _copy_path(ignored, kind.planned_from(old, state), new)
        if request.preview:
            planned = {**values.decode(request.olds), **self._planned_outputs(token, kind, marked)}
            return provider_pb2.UpdateResponse(properties=values.encode(planned))
        with _reported(context, kind, marked):
            operation = self._operation(request.urn, request.timeout)
            outputs = kind.update(request.id, _clean(old), state, _clean(new), operation)
            return provider_pb2.UpdateResponse(properties=_outputs(kind, outputs, marked))
        raise AssertionError

    def Read(  # noqa: N802
        self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ReadResponse:
        kind = self._kind(_token(request.urn), context)
        marked = values.decode(request.inputs)
        inputs, state = values.reveal(marked), values.reveal(values.decode(request.properties))
        with _reported(context, kind, marked):
            live = kind.read(request.id, _clean(inputs), state)
            if live is None:
                return provider_pb2.ReadResponse(id="")
            carried = kind.rules.carry_over(inputs, state, live.inputs) if inputs else without_none(live.inputs)
            return provider_pb2.ReadResponse(
                id=live.resource_id or request.id,
                inputs=values.encode(values.mark_secrets(carried, marked)),
                properties=_outputs(kind, live.outputs, marked),
            )
        raise AssertionError

    def Delete(  # noqa: N802
        self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        kind = self._kind(_token(request.urn), context)
        inputs = values.reveal(values.decode(request.old_inputs))
        state = values.reveal(values.decode(request.properties))
        with _reported(context, kind, {}):
            kind.delete(request.id, _clean(inputs), state, self._operation(request.urn, request.timeout))
        return empty_pb2.Empty()

    # -- helpers

    def _kind(self, token: str, context: grpc.ServicerContext) -> Kind:
        try:
            return self._kinds[token]
        except KeyError:
            message = refusal(self._package.name, f"the resource type {token}", self._kinds)
            context.abort(grpc.StatusCode.UNIMPLEMENTED, message)
            raise

    def _schema(self, token: str) -> ResourceSchema:
        return schema.resource_schema(self._package.module, token)

    def _operation(self, urn: str, seconds: float) -> Operation:
        return Operation(urn, self._cancelled, seconds=seconds)

    def _planned_outputs(self, token: str, kind: Kind, inputs: Props) -> Props:
        """Outputs in a preview: those that repeat an input are known, all others are unknown."""
        outputs: Props = dict.fromkeys(self._schema(token).outputs, UNKNOWN)
        known = {key: value for key, value in inputs.items() if key != DEFAULTS_KEY}
        planned = {**outputs, **{key: value for key, value in known.items() if key in outputs}}
        return {
            key: Secret(values.reveal(item)) if key in kind.secret_outputs else item for key, item in planned.items()
        }


class _reported:  # noqa: N801  (a context manager, used like a function)
    """Translates errors of a kind into errors of the protocol."""

    def __init__(self, context: grpc.ServicerContext, kind: Kind, inputs: Props) -> None:
        self._context, self._kind, self._inputs = context, kind, inputs

    def __enter__(self) -> None:
        return None

    def __exit__(self, error_type: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, PartialError):
            self._abort_partially(error)
        if isinstance(error, ProviderError):
            self._context.abort(grpc.StatusCode.UNKNOWN, str(error))

    def _abort_partially(self, error: PartialError) -> NoReturn:
        detail = provider_pb2.ErrorResourceInitFailed(
            id=error.resource_id,
            properties=_outputs(self._kind, error.outputs, self._inputs),
            inputs=values.encode(self._inputs),
            reasons=[str(error)],
        )
        status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(error))
        status.details.add().Pack(detail)
        self._context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        self._context.abort(grpc.StatusCode.UNKNOWN, str(error))
        raise AssertionError


def plain_configuration(module: str, configuration: Props) -> Props:
    """Provider configuration: whatever is no string travels as JSON in a string."""
    fields = schema.provider_schema(module).fields
    plain: Props = {}
    for key, value in values.reveal(configuration).items():
        field_type = fields[key].type if key in fields else None
        if isinstance(value, str) and field_type is not None and field_type != schema.SCALARS[str]:
            try:
                plain[key] = json.loads(value)
            except json.JSONDecodeError:
                plain[key] = value  # the type check then names it
        elif key not in ("version", "pluginDownloadURL", "__internal"):
            plain[key] = value
    return plain


def unique_name(name: str, seed: bytes) -> str:
    """`name` and a random suffix; the same for the same seed, so that a preview and its update agree."""
    random = hashlib.sha256(seed + name.encode()).hexdigest() if seed else secrets.token_hex(RANDOM_NAME_LENGTH)
    return f"{name}-{random[:RANDOM_NAME_LENGTH]}"


def run(package: Package) -> None:
    """Serves the package until the engine ends it."""
    servicer = ProviderServicer(package)

    def register(server: grpc.Server) -> None:
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)

    serve(register, on_stop=package.on_stop)


def _clean(inputs: Props) -> Props:
    return {key: value for key, value in inputs.items() if key != DEFAULTS_KEY}


def _outputs(kind: Kind, outputs: Props, inputs: Props) -> Any:
    marked: Props = values.mark_secrets(without_none(outputs), inputs)
    for key in kind.secret_outputs & marked.keys():
        marked[key] = Secret(values.reveal(marked[key]))
    return values.encode(marked)


def _token(urn: str) -> str:
    return urn.split("::")[2].rsplit("$", 1)[-1]


def _copy_path(path: str, old: Props, new: Props) -> None:
    """Takes a value from the old inputs, for `ignore_changes`; paths deeper than objects are left to the engine."""
    *parents, last = path.split(".")
    for key in parents:
        if not isinstance(old.get(key), dict) or not isinstance(new.get(key), dict):
            return
        old, new = old[key], new[key]
    if last in old:
        new[last] = old[last]
    else:
        new.pop(last, None)


def _wire_failures(failures: list[Failure]) -> list[provider_pb2.CheckFailure]:
    return [
        provider_pb2.CheckFailure(property=failure.path, reason=f"{failure.path}: {failure.reason}")
        for failure in failures
    ]


def _wire_diff(changes: list[Change], *, delete_first: bool = False) -> provider_pb2.DiffResponse:
    kinds = {
        (ChangeKind.ADD, False): provider_pb2.PropertyDiff.ADD,
        (ChangeKind.ADD, True): provider_pb2.PropertyDiff.ADD_REPLACE,
        (ChangeKind.DELETE, False): provider_pb2.PropertyDiff.DELETE,
        (ChangeKind.DELETE, True): provider_pb2.PropertyDiff.DELETE_REPLACE,
        (ChangeKind.UPDATE, False): provider_pb2.PropertyDiff.UPDATE,
        (ChangeKind.UPDATE, True): provider_pb2.PropertyDiff.UPDATE_REPLACE,
    }
    replaces = sorted({change.path for change in changes if change.replaces})
    return provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if changes else provider_pb2.DiffResponse.DIFF_NONE,
        diffs=sorted({change.path.split(".")[0].split("[")[0] for change in changes}),
        replaces=replaces,
        detailedDiff={
            change.path: provider_pb2.PropertyDiff(kind=kinds[change.kind, change.replaces], inputDiff=True)
            for change in changes
        },
        hasDetailedDiff=True,
        deleteBeforeReplace=bool(replaces) and delete_first,
    )
