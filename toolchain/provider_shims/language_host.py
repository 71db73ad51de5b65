"""Pulumi's Python language host, over the Python SDK.

Replaces `pulumi-language-python`, which is a Go program. It implements what running a program needs: required
packages, Run, About, dependencies, and RunPlugin for policy packs and providers written in Python. `pulumi new`,
`convert` and `package gen-sdk` need the real one.
"""

import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2, json_format
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

from toolchain.provider_shims.serving import serve

RUNNER = Path(__file__).with_name("program_runner.py")

# Asks an interpreter for its Pulumi packages: [[name, version, server], ...]; version without "v".
LIST_PLUGINS = """
import importlib.metadata as m, json
found = []
for d in m.distributions():
    for f in d.files or []:
        if f.name == "pulumi-plugin.json":
            p = json.loads(d.locate_file(f).read_text())
            if p.get("resource"):
                found.append([p.get("name") or d.metadata["Name"].removeprefix("pulumi-"),
                              p.get("version") or d.version, p.get("server") or ""])
print(json.dumps(sorted(found)))
"""

LIST_PACKAGES = """
import importlib.metadata as m, json
print(json.dumps(sorted([d.metadata["Name"], d.version] for d in m.distributions())))
"""


class ProgramFailedError(Exception):
    """The interpreter of a program could not be used; the text says what to do."""


def interpreter(info: language_pb2.ProgramInfo) -> str:
    """The Python of a program: its `runtime.options.virtualenv`, else PULUMI_PYTHON_CMD, else this process's."""
    options: dict[str, Any] = json_format.MessageToDict(info.options)
    virtualenv = options.get("virtualenv")
    if not virtualenv:
        return os.environ.get("PULUMI_PYTHON_CMD") or sys.executable
    python = Path(info.root_directory, str(virtualenv), "bin", "python")
    if not python.exists():
        msg = (
            f"the virtual environment {virtualenv} of {info.root_directory} has no bin/python; "
            "make it with `make setup` (a policy pack's with `python3 toolchain/bootstrap.py --with policy`), "
            "or correct runtime.options.virtualenv"
        )
        raise ProgramFailedError(msg)
    return str(python)


def ask(python: str, script: str) -> list[list[str]]:
    """Runs a script that prints a JSON list of lists of strings."""
    done = subprocess.run([python, "-c", script], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        msg = f"{python} failed:\n{done.stderr}"
        raise ProgramFailedError(msg)
    answer: list[list[str]] = json.loads(done.stdout)
    return answer


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """The servicer. It keeps track of its child processes, so that a cancelled update leaves none behind."""

    def __init__(self, engine_address: str) -> None:
        self._engine_address = engine_address
        self._children: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()

    def Handshake(  # noqa: N802
        self, request: language_pb2.LanguageHandshakeRequest, context: grpc.ServicerContext
    ) -> language_pb2.LanguageHandshakeResponse:
        del context
        self._engine_address = request.engine_address or self._engine_address
        return language_pb2.LanguageHandshakeResponse()

    def GetRequiredPackages(  # noqa: N802
        self, request: language_pb2.GetRequiredPackagesRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetRequiredPackagesResponse:
        try:
            plugins = ask(interpreter(request.info), LIST_PLUGINS)
        except ProgramFailedError as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        return language_pb2.GetRequiredPackagesResponse(
            packages=[
                plugin_pb2.PackageDependency(
                    name=name, kind="resource", version=f"v{version.removeprefix('v')}", server=server
                )
                for name, version, server in plugins
            ]
        )

    def GetRequiredPlugins(  # noqa: N802
        self, request: language_pb2.GetRequiredPluginsRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetRequiredPluginsResponse:
        del request, context
        return language_pb2.GetRequiredPluginsResponse()

    def GetPluginInfo(  # noqa: N802
        self, request: empty_pb2.Empty, context: grpc.ServicerContext
    ) -> plugin_pb2.PluginInfo:
        del request, context
        return plugin_pb2.PluginInfo(version=importlib.metadata.version("pulumi"))

    def About(  # noqa: N802
        self, request: language_pb2.AboutRequest, context: grpc.ServicerContext
    ) -> language_pb2.AboutResponse:
        try:
            python = interpreter(request.info)
        except ProgramFailedError as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        version = subprocess.run(
            [python, "-c", "import platform; print(platform.python_version())"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        return language_pb2.AboutResponse(executable=python, version=version)

    def GetProgramDependencies(  # noqa: N802
        self, request: language_pb2.GetProgramDependenciesRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetProgramDependenciesResponse:
        try:
            packages = ask(interpreter(request.info), LIST_PACKAGES)
        except ProgramFailedError as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        return language_pb2.GetProgramDependenciesResponse(
            dependencies=[language_pb2.DependencyInfo(name=n, version=v) for n, v in packages]
        )

    def InstallDependencies(  # noqa: N802
        self, request: language_pb2.InstallDependenciesRequest, context: grpc.ServicerContext
    ) -> Iterator[language_pb2.InstallDependenciesResponse]:
        del request
        yield from ()
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "this language host installs nothing; use `make setup`")

    def Run(  # noqa: N802
        self, request: language_pb2.RunRequest, context: grpc.ServicerContext
    ) -> language_pb2.RunResponse:
        """Runs the program in a fresh process, as each run must start from a clean interpreter."""
        try:
            python = interpreter(request.info)
        except ProgramFailedError as error:
            return language_pb2.RunResponse(error=str(error))
        handover = language_pb2.RunRequest()
        handover.CopyFrom(request)
        handover.args[:] = [self._engine_address]
        with tempfile.TemporaryDirectory(prefix="pulumi-run-") as scratch:
            answer = Path(scratch, "response")
            child = subprocess.Popen(
                [python, "-u", str(RUNNER), str(answer)],
                stdin=subprocess.PIPE,
                cwd=request.pwd or request.info.program_directory,
                env={**os.environ, "PULUMI_PROJECT": request.project, "PULUMI_STACK": request.stack},
            )
            with self._lock:
                self._children.add(child)
            context.add_callback(child.terminate)
            child.communicate(handover.SerializeToString())
            with self._lock:
                self._children.discard(child)
            if answer.exists():
                response: language_pb2.RunResponse = language_pb2.RunResponse.FromString(answer.read_bytes())
                return response
        return language_pb2.RunResponse(error=f"the program ended with exit code {child.returncode}")

    def RunPlugin(  # noqa: N802
        self, request: language_pb2.RunPluginRequest, context: grpc.ServicerContext
    ) -> Iterator[language_pb2.RunPluginResponse]:
        """Runs a plugin written in Python, a policy pack for example, and streams what it prints."""
        try:
            python = interpreter(request.info)
        except ProgramFailedError as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        folder = request.info.program_directory
        if request.kind == "analyzer":
            command = [python, "-u", "-m", "pulumi.policy", *request.args, folder]
        else:
            command = [python, "-u", folder, *request.args]
        child = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=sys.stderr,
            cwd=request.pwd or request.info.program_directory,
            env={**os.environ, **dict(pair.split("=", 1) for pair in request.env)},
        )
        with self._lock:
            self._children.add(child)
        context.add_callback(child.terminate)
        output = child.stdout
        if output is not None:
            while chunk := os.read(output.fileno(), 65536):
                yield language_pb2.RunPluginResponse(stdout=chunk)
        code = child.wait()
        with self._lock:
            self._children.discard(child)
        yield language_pb2.RunPluginResponse(exitcode=code)

    def Cancel(  # noqa: N802
        self, request: empty_pb2.Empty, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        del request, context
        self.stop_children()
        return empty_pb2.Empty()

    def stop_children(self) -> None:
        """Stops what still runs."""
        with self._lock:
            for child in self._children:
                child.terminate()


def main(arguments: list[str]) -> None:
    """Serves; the engine's address is the last argument (older engines), or comes with Handshake."""
    positional = [argument for argument in arguments if not argument.startswith("-")]
    host = LanguageHost(positional[-1] if positional else "")

    def register(server: grpc.Server) -> None:
        language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)

    serve(register, on_stop=host.stop_children)
