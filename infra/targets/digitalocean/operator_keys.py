"""The operators' public keys on a host. The deploy key is cloud-init's, in a file of its own."""

from collections.abc import Sequence

import pulumi
import pulumi_command as command

FILE = "~/.ssh/authorized_keys_operators"

# Whole or not at all: sshd may read the file at any moment.
WRITE = f"umask 077 && mkdir -p ~/.ssh && cat >{FILE}.new && mv {FILE}.new {FILE}"


def operator_keys(
    host: str,
    keys: Sequence[str],
    connection: command.remote.ConnectionArgs,
    *,
    droplet_id: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> command.remote.Command:
    """Write the keys: on a new droplet, and when they change. With none, the file is empty."""
    return command.remote.Command(
        f"{host}-operator-keys",
        connection=connection,
        create=WRITE,
        stdin="".join(f"{key}\n" for key in keys),
        triggers=[droplet_id],
        add_previous_output_in_env=False,
        opts=opts,
    )
