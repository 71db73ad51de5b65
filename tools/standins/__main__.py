"""`python -m tools.standins NAME [ENGINE_ADDRESS]`: one plugin process."""

import importlib
import sys

MODULES = {
    "language-python": "tools.standins.language_host",
    "docker": "tools.standins.docker_provider",
    "random": "tools.standins.random_provider",
    "tls": "tools.standins.tls_provider",
    "command": "tools.standins.command_provider",
    "digitalocean": "tools.standins.digitalocean_provider",
}

if __name__ == "__main__":
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in MODULES:
        sys.exit(f"usage: python -m tools.standins {{{','.join(MODULES)}}} [engine address]")
    importlib.import_module(MODULES[name]).main(sys.argv[2:])
