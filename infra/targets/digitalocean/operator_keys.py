"""The operators' public keys on a host. cloud-init writes the deploy key to a separate file."""

from collections.abc import Sequence

import pulumi
import pulumi_command as command

FILE = "~/.ssh/authorized_keys_operators"

# Replace the file atomically, since sshd may read it at any moment.
WRITE = f"umask 077 && mkdir -p ~/.ssh && cat >{FILE}.new && mv {FILE}.new {FILE}"


def operator_keys(
    host: str,
    keys: Sequence[str],
    connection: command.remote.ConnectionArgs,
    *,
    droplet_id: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> command.remote.Command:
    """Write the keys on a new droplet and when they change. Without keys, the file is empty."""
    return command.remote.Command(
        f"{host}-operator-keys",
        connection=connection,
        create=WRITE,
        stdin="".join(f"{key}\n" for key in keys),
        triggers=[droplet_id],
        add_previous_output_in_env=False,
        opts=opts,
    )
