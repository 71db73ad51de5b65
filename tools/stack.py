"""Runs Pulumi on a stack, after set-up: `python3 tools/stack.py up --stack dev [-- more arguments]`.

The configuration is the committed Pulumi.<stack>.yaml. Pulumi writes a salt into that file, which belongs to one
checkout's passphrase. So Pulumi gets a copy under .pulumi.
"""

import argparse
import json
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from infra.resources.common.keep_data import KEEP_DATA
from toolchain import environment
from toolchain.bootstrap import bootstrap
from toolchain.paths import ROOT, STATE, SetupError, elapsed
from tools.confirmation import confirm_destroy
from tools.pulumi_log import readable

OPERATIONS = ("up", "preview", "refresh", "destroy", "output", "open")
KEPT = ("**docker:index/volume:Volume**", "**random:index/randomPassword:RandomPassword**")
"""Volumes, and the passwords that their data depends on."""

ON_DIGITALOCEAN = re.compile(r"^ *clickstream:target: *['\"]?digitalocean\b", re.MULTILINE)
"""Matches the configuration of stacks whose plans the policy pack checks."""


def project() -> str:
    """The project's name."""
    found = re.search(r"^name: *(\S+)", (ROOT / "Pulumi.yaml").read_text(), re.MULTILINE)
    if found is None:
        msg = "Pulumi.yaml has no name"
        raise SetupError(msg)
    return found[1]


def configuration(stack: str, env: dict[str, str]) -> Path:
    """Copy the stack's committed configuration, and keep the salt in this checkout's existing copy."""
    committed = ROOT / f"Pulumi.{stack}.yaml"
    copy = STATE / "config" / f"Pulumi.{stack}.yaml"
    copy.parent.mkdir(parents=True, exist_ok=True)
    text = committed.read_text() if committed.exists() else "config: {}\n"
    if copy.exists() and not re.search(r"^(encryptionsalt|secretsprovider|encryptedkey):", text, re.MULTILINE):
        kept = re.findall(r"^(?:encryptionsalt|secretsprovider|encryptedkey):.*$", copy.read_text(), re.MULTILINE)
        text = "\n".join([text.rstrip("\n"), *kept]) + "\n"
    builder = env.get(environment.BUILDER)
    if builder and "clickstream:builder:" not in text:
        text = re.sub(r"^config:.*$", f"config:\n  clickstream:builder: {builder}", text, count=1, flags=re.MULTILINE)
    copy.write_text(text)
    return copy


def has_policy_pack(stack: str) -> bool:
    """Whether the policy pack checks the stack's plans. Its rules apply to DigitalOcean only."""
    committed = ROOT / f"Pulumi.{stack}.yaml"
    return committed.exists() and ON_DIGITALOCEAN.search(committed.read_text()) is not None


def policy_arguments(operation: str, *, policy: bool) -> list[str]:
    """Arguments for the policy pack. `up` needs a preview, since some rules check the whole plan before any change."""
    if operation not in ("up", "preview"):
        return ["--skip-preview"]
    if not policy:
        return ["--skip-preview"] if operation == "up" else []
    return ["--policy-pack", str(ROOT / "policy")]


def ensure_stack(stack: str, env: dict[str, str]) -> None:
    """Create the stack if it does not exist. Runs in a separate folder, to keep the committed file unchanged."""
    folder = STATE / "init"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Pulumi.yaml").write_text(f"name: {project()}\nruntime: python\n")
    listed = subprocess.run(
        ["pulumi", "stack", "ls", "--json"], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        raise SetupError(listed.stderr.strip())
    names = {item["name"].rsplit("/", 1)[-1] for item in json.loads(listed.stdout)}
    if stack.rsplit("/", 1)[-1] not in names:
        subprocess.run(["pulumi", "stack", "init", stack, "--no-select"], cwd=folder, env=env, check=True)


def release_stale_lock(stack: str, env: dict[str, str]) -> None:
    """Remove the lock of a killed run, if its process on this machine no longer exists."""
    locks = environment.BACKEND / ".pulumi" / "locks" / "organization" / project() / stack
    for file in locks.glob("*.json"):
        lock = json.loads(file.read_text())
        if lock.get("hostname") == socket.gethostname() and not Path("/proc", str(lock.get("pid"))).exists():
            print(f"an earlier run (process {lock['pid']}) was interrupted; releasing its lock", flush=True)
            subprocess.run(["pulumi", "cancel", "--stack", stack, "--yes"], cwd=ROOT, env=env, check=True)


def run_pulumi(arguments: list[str], env: dict[str, str]) -> int:
    """Run Pulumi to its end. At a terminal, Pulumi draws its own display. Elsewhere, condense its log."""
    command = ["pulumi", *arguments]
    if sys.stdout.isatty():
        return wait(subprocess.Popen(command, cwd=ROOT, env=env))
    process = subprocess.Popen([*command, "--non-interactive"], cwd=ROOT, env=env, stdout=subprocess.PIPE)
    # Read bytes, since text mode would also split lines at carriage returns.
    for line in readable(raw.decode(errors="replace") for raw in process.stdout or ()):
        print(line, flush=True)
    return wait(process)


def wait(process: subprocess.Popen[Any]) -> int:
    """Wait for the process. Ctrl-C reaches Pulumi too, which then shuts down cleanly."""
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def outputs(stack: str, env: dict[str, str]) -> dict[str, Any]:
    """The stack's outputs, secrets in plain text."""
    read = subprocess.run(
        ["pulumi", "stack", "output", "--stack", stack, "--json", "--show-secrets"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    if read.returncode != 0:
        raise SetupError(read.stderr.strip())
    found: dict[str, Any] = json.loads(read.stdout)
    # Stacks from an earlier version have only `website`.
    if not found.keys() & {"origin", "website"}:
        msg = f"stack {stack} is not up; `make up` brings it up"
        raise SetupError(msg)
    return found


def show(stack: str, env: dict[str, str]) -> int:
    """Print the URLs and the generated logins."""
    found = outputs(stack, env)
    user, password = found.get("adminUser"), found.get("adminPassword")
    logins = {
        "superset": f"{user} / {found.get('supersetPassword')}",
        "druid": f"{user} / {password}",
        "kafkaManager": f"{user} / {password}",
    }
    urls = found if "website" in found else found | {"tracker": found["origin"] + found["tracking"]["script"]}
    for name in ("website", "tracker", *logins):
        if url := urls.get(name):
            print(f"{name:14}{url:32}{logins.get(name, '')}".rstrip())
        if name == "superset" and (viewer := found.get("viewerUser")):
            print(f"{'':46}{viewer} / {found.get('viewerPassword')} (read only)")
            for account in found.get("siteViewers", ()):
                print(f"{'':46}{account['user']} / {account['password']} (only {', '.join(account['sites'])})")
    for site, keys in found.get("writeKeys", {}).items():
        for name, key in keys.items():
            print(f"{'write key':14}{f'{site}, {name}':32}{key}")
    for name, address in found.get("dnsRecords", {}).items():
        print(f"{'DNS record':14}{name:32}A {address}, which the stack does not manage")
    if used := memory(f"{project()}-{stack}-", env):
        print(f"memory        {used}")
    return 0


def memory(prefix: str, env: dict[str, str]) -> str:
    """Memory of the stack's containers on this machine. Empty if there are none, as with droplets."""
    command = ["docker", "stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}"]
    read = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    sizes = re.findall(rf"^{re.escape(prefix)}\S+ ([0-9.]+)(KiB|MiB|GiB)", read.stdout, re.MULTILINE)
    mebibytes = {"KiB": 1 / 1024, "MiB": 1.0, "GiB": 1024.0}
    total = sum(float(size) * mebibytes[unit] for size, unit in sizes)
    return f"{total / 1024:.1f} GiB in {len(sizes)} tasks" if sizes else ""


def operate(options: argparse.Namespace) -> int:
    """Run one operation on the stack. Return Pulumi's exit status."""
    stack = options.stack
    policy = has_policy_pack(stack)
    if options.operation not in ("output", "open") or not environment.FILE.exists():
        bootstrap(policy=policy and options.operation in ("up", "preview"))
    env = environment.full()
    if options.operation == "open":
        return show(stack, env)
    if options.operation == "output":
        return run_pulumi(["stack", "output", "--stack", stack, *options.more], env)
    ensure_stack(stack, env)
    release_stale_lock(stack, env)
    if options.operation == "destroy" and not options.keep_data:
        confirm_destroy(stack, env, yes=options.yes)
    started = time.monotonic()
    arguments = [options.operation, "--stack", stack, "--config-file", str(configuration(stack, env))]
    arguments += [] if options.operation == "preview" else ["--yes"]
    arguments += policy_arguments(options.operation, policy=policy)
    arguments += [part for urns in KEPT for part in ("--exclude", urns)] if options.keep_data else []
    env |= {KEEP_DATA: "1"} if options.keep_data else {}
    code = run_pulumi([*arguments, *options.more], env)
    print(f"{options.operation} took {elapsed(time.monotonic() - started)}", flush=True)
    return code


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Run Pulumi on a stack, after set-up.")
    parser.add_argument("operation", choices=OPERATIONS)
    parser.add_argument("--stack", default="dev")
    parser.add_argument("--keep-data", action="store_true", help="keep the volumes and their data")
    parser.add_argument("--yes", action="store_true", help="destroy a stack with data without asking for its name")
    arguments, _, more = partition(sys.argv[1:])
    options = parser.parse_args(arguments)
    options.more = more
    try:
        return operate(options)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        return error.returncode
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def partition(arguments: list[str]) -> tuple[list[str], str, list[str]]:
    """Split our arguments from those after `--`."""
    if "--" not in arguments:
        return arguments, "", []
    index = arguments.index("--")
    return arguments[:index], "--", arguments[index + 1 :]


if __name__ == "__main__":
    sys.exit(main())
