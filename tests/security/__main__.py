"""`make security`: print what reaches what in a stack on this machine, and how its containers are confined."""

import argparse
import sys
from contextlib import closing

import docker

from infra.config import StackConfig
from tests.security.report import inspect
from tests.support.stack_config import raw_config


def main() -> int:
    """The number of problems, at most 1, is the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.security", description=__doc__)
    parser.add_argument("--stack", default="dev", help="a stack of target local that is up; default: dev")
    stack = parser.parse_args().stack
    config = StackConfig.parse(stack, raw_config(stack))
    with closing(docker.from_env()) as engine:
        report = inspect(engine, config)
    sys.stdout.write(report.text() + "\n")
    return min(1, len(report.problems))


if __name__ == "__main__":
    sys.exit(main())
