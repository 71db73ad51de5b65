"""Runs a plugin's gRPC server: it listens, prints its port and stops with the engine."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent import futures

import grpc

PARENT_POLL_SECONDS = 1.0
MAX_MESSAGE_BYTES = 400 * 1024 * 1024  # what Pulumi's own plugins accept
MAX_CALLS = 64  # a create that waits for tasks holds its thread, and others must not queue behind it


def serve(register: Callable[[grpc.Server], None], *, on_stop: Callable[[], None] | None = None) -> None:
    """Serves until SIGINT or SIGTERM, or until the parent process ends.

    The engine learns the port from the first line of standard output, and ends a plugin with
    SIGINT; plugins have a process group of their own, so a Ctrl-C at the terminal is not seen here.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=MAX_CALLS),
        options=[
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ],
    )
    register(server)
    parent = os.getppid()
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    while not stopped.wait(PARENT_POLL_SECONDS):
        if os.getppid() != parent:
            break  # the engine was killed
    if on_stop is not None:
        on_stop()
    server.stop(grace=None)
