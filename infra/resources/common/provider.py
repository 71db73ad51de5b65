"""Base classes of all dynamic resources: typed inputs, one way to compare them, one way to declare a resource.

A resource is three classes in one module:

- its inputs, a frozen dataclass of plain values (`TopicInputs`); an input added later needs a default, since the
  states of running stacks lack it;
- its provider, `Provider[TopicInputs]`, which does the work;
- the resource, a `ManagedResource`, which a program declares with an arguments dataclass (`TopicArgs`) of the same
  fields as the inputs, each a `pulumi.Input`.

The engine stores a provider in the state by its module and class. A program in which either has another name cannot
refresh or destroy a running stack.
"""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, ClassVar, Generic, TypeVar, get_args

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
from pydantic import TypeAdapter

READY = "ready"
"""Value of the output `state` if there is nothing to do."""

Inputs = TypeVar("Inputs")
State = dict[str, Any]
"""A resource's inputs and outputs as the engine stores them: JSON, with integers as floats."""


@dataclasses.dataclass(frozen=True)
class Observed(Generic[Inputs]):
    """What a refresh found: the inputs and outputs that differ from the state."""

    inputs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    outputs: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@cache
def _adapter(inputs: type[Inputs]) -> TypeAdapter[Inputs]:
    return TypeAdapter(inputs)


class Provider(ResourceProvider, ABC, Generic[Inputs]):
    """Creates, updates, observes and deletes one kind of object.

    Subclasses implement `create_resource`, and override other methods if the defaults do not fit. Every method may
    raise: the engine shows the error's text beside the resource.
    """

    outputs: ClassVar[tuple[str, ...]] = ()
    """Properties that the provider computes. With an output `state`, any value but READY causes an update."""

    replace_on: ClassVar[tuple[str, ...]] = ()
    """Inputs whose change replaces the resource. All others change in place."""

    not_compared: ClassVar[tuple[str, ...]] = ()
    """Inputs whose change does not cause an update, for example how long to wait."""

    delete_before_replace: ClassVar[bool] = False

    @abstractmethod
    def create_resource(self, inputs: Inputs) -> tuple[str, Mapping[str, Any]]:
        """Create it, or adopt an existing one. Returns its ID and outputs."""

    def update_resource(self, id_: str, old: State, inputs: Inputs) -> Mapping[str, Any]:
        """Make the resource `id_` match `inputs`, whatever its current state. Returns its outputs."""
        del id_, old
        return self.create_resource(inputs)[1]

    def observe(self, id_: str, inputs: Inputs, state: State) -> Observed[Inputs] | None:
        """The resource as it is now; None if it no longer exists. By default, nothing differs from the state."""
        del id_, inputs, state
        return Observed()

    def delete_resource(self, id_: str, inputs: Inputs, state: State) -> None:
        """Delete it. By default nothing is deleted, because the resource is a check or a wait."""

    def problems(self, old: State, new: State) -> Iterable[tuple[str, str]]:
        """Problems with the new inputs, as property (or "") and reason. In a preview, values can be unknown."""
        del old, new
        return ()

    def normalise(self, new: State) -> State:
        """The inputs in the form in which they are compared and stored."""
        return new

    # The engine calls these. Its dictionaries also contain `__provider`, which must be kept.

    def check(self, _olds: State, news: State) -> CheckResult:
        """Called before every diff, with unknown values in a preview."""
        failures = [CheckFailure(path, reason) for path, reason in self.problems(_olds, news)]
        return CheckResult(news if failures else self.normalise(news), failures)

    def diff(self, _id: str, olds: State, news: State) -> DiffResult:
        """Called with the state and the checked inputs."""
        replaces = [name for name in self.replace_on if olds.get(name) != news.get(name)]
        changed = bool(replaces) or self.changed(olds, news)
        return DiffResult(changes=changed, replaces=replaces, delete_before_replace=self.deletes_first(olds, news))

    def create(self, props: State) -> CreateResult:
        """Called for a new resource."""
        id_, outputs = self.create_resource(self.inputs(props))
        return CreateResult(id_, {**props, **outputs})

    def update(self, id_: str, olds: State, news: State) -> UpdateResult:
        """Called if `diff` reported changes, none of which replaces the resource."""
        return UpdateResult({**news, **self.update_resource(id_, olds, self.inputs(news))})

    def read(self, id_: str, props: State) -> ReadResult:
        """Called by a refresh."""
        observed = self.observe(id_, self.inputs(props), props)
        if observed is None:
            return ReadResult(None, {})
        outs = {**props, **observed.inputs, **observed.outputs}
        if not observed.inputs:
            return ReadResult(id_, outs)
        # With the inputs, the next preview shows each field that it restores.
        return ReadResult(id_, outs, {name: value for name, value in outs.items() if name not in self.outputs})

    def delete(self, id_: str, props: State) -> None:
        """Called if the resource is removed from the program or replaced."""
        self.delete_resource(id_, self.inputs(props), props)

    # For subclasses.

    def changed(self, old: State, new: State) -> bool:
        """Whether a compared input has changed, or a refresh found the resource not ready."""
        names = [name for name in self.input_names() if name not in self.not_compared]
        return any(old.get(name) != new.get(name) for name in names) or (
            "state" in self.outputs and old.get("state") != READY
        )

    def deletes_first(self, old: State, new: State) -> bool:
        """Whether a replaced resource is deleted before the new one is created."""
        del old, new
        return self.delete_before_replace

    @classmethod
    def inputs(cls, props: Mapping[str, Any]) -> Inputs:
        """The inputs in a state. Inputs that an older version of the program did not have get their defaults."""
        parsed: Inputs = _adapter(cls._inputs_type()).validate_python(dict(props))
        return parsed

    @classmethod
    def input_names(cls) -> tuple[str, ...]:
        """Names of all inputs."""
        return tuple(field.name for field in dataclasses.fields(cls._inputs_type()))

    @classmethod
    @cache
    def _inputs_type(cls) -> Any:
        for base in cls.__mro__:
            for generic in getattr(base, "__orig_bases__", ()):
                arguments = get_args(generic)
                if arguments and dataclasses.is_dataclass(arguments[0]):
                    return arguments[0]
        message = f"{cls.__name__} does not name the dataclass of its inputs: Provider[SomethingInputs]"
        raise TypeError(message)


class ManagedResource(Resource):
    """A resource with one of our providers."""

    def __init__(
        self,
        provider: Provider[Any],
        name: str,
        args: Any,
        opts: pulumi.ResourceOptions | None = None,
        *,
        secret: tuple[str, ...] = (),
    ) -> None:
        """Declare it. `args` is a dataclass whose fields are the provider's inputs; `secret` names the secret ones."""
        properties = {field.name: getattr(args, field.name) for field in dataclasses.fields(args)}
        if unknown := properties.keys() - provider.input_names():
            message = f"{type(args).__name__} has fields that are not inputs: {', '.join(sorted(unknown))}"
            raise TypeError(message)
        properties |= {key: pulumi.Output.secret(properties[key]) for key in secret}
        hidden = pulumi.ResourceOptions(additional_secret_outputs=list(secret)) if secret else None
        super().__init__(
            provider,
            name,
            {**properties, **dict.fromkeys(provider.outputs)},
            pulumi.ResourceOptions.merge(opts, hidden),
        )
