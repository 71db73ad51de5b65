"""`python -m toolchain.provider_shims NAME [ENGINE_ADDRESS]`: one plugin process."""

import importlib
import sys

MODULES = {
    "language-python": "toolchain.provider_shims.language_host",
    "docker": "toolchain.provider_shims.docker_provider",
    "random": "toolchain.provider_shims.random_provider",
    "tls": "toolchain.provider_shims.tls_provider",
    "command": "toolchain.provider_shims.command_provider",
    "digitalocean": "toolchain.provider_shims.digitalocean_provider",
}

if __name__ == "__main__":
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in MODULES:
        sys.exit(f"usage: python -m toolchain.provider_shims {{{','.join(MODULES)}}} [engine address]")
    importlib.import_module(MODULES[name]).main(sys.argv[2:])
