"""Runs one Pulumi program: `python program_runner.py ANSWER_FILE` with a RunRequest on standard input.

Started by the language host with the interpreter of the program, so it imports nothing but the
SDK. Writes a RunResponse to ANSWER_FILE; the errors themselves go to the engine's log.
"""

import asyncio
import logging
import runpy
import signal
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from pulumi import RunError, log
from pulumi.runtime import reset_options, run_in_stack, set_all_config
from pulumi.runtime.proto import language_pb2

THREADS_PER_RESOURCE = 4  # as Pulumi's own runner: each registration makes several calls


def run(request: language_pb2.RunRequest) -> str | None:
    """Runs the program; returns the error, None if there was none."""
    info = request.info
    program = str(Path(info.program_directory, info.entry_point)) if info.program_directory else request.program
    reset_options(
        project=request.project,
        monitor_address=request.monitor_address,
        engine_address=request.args[0],
        stack=request.stack,
        parallel=request.parallel,
        preview=request.dryRun,
        organization=request.organization or "organization",
    )
    if request.config:
        set_all_config(dict(request.config), list(request.configSecretKeys))
    sys.argv = [program]
    sys.path[0] = info.program_directory or program  # instead of the folder of this file

    async def main() -> None:
        await run_in_stack(lambda: (runpy.run_path(program, run_name="__main__"), None)[1])

    loop = asyncio.new_event_loop()
    loop.set_default_executor(ThreadPoolExecutor(max_workers=max(request.parallel, 1) * THREADS_PER_RESOURCE))
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # the engine already shows a failed resource
    try:
        loop.run_until_complete(main())
    except RunError as error:
        return str(error)
    except grpc.RpcError as error:
        if error.code() == grpc.StatusCode.UNAVAILABLE:
            return ""  # the engine is shutting down and knows why
        return f"engine call failed: {error.details()}"
    except SystemExit as error:
        return f"the program called sys.exit({error.code!r})" if error.code else None
    except BaseException as error:  # noqa: BLE001  (a program may raise anything, and all of it is its failure)
        return "Program failed with an unhandled exception:\n" + "".join(readable(error))
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        sys.stdout.flush()
        sys.stderr.flush()
    return None


def readable(error: BaseException) -> list[str]:
    """The traceback without the frames of runpy and of the SDK's own start."""
    trace = error.__traceback__
    while trace is not None and (
        trace.tb_frame.f_code.co_filename in (__file__, "<frozen runpy>")
        or any(part in trace.tb_frame.f_code.co_filename for part in ("/pulumi/runtime/", "/asyncio/"))
    ):
        trace = trace.tb_next
    return traceback.format_exception(type(error), error, trace or error.__traceback__)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the language host stops the program
    answer = Path(sys.argv[1])
    problem = run(language_pb2.RunRequest.FromString(sys.stdin.buffer.read()))
    if problem:
        log.error(problem)
    # `bail` ends the update without the engine saying once more what was just logged.
    answer.write_bytes(language_pb2.RunResponse(bail=problem is not None).SerializeToString())
