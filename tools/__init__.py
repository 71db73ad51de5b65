"""Set-up of the machine: the toolchain, and the plugin stand-ins."""
