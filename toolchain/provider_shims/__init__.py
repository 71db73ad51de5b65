"""Pulumi plugins for machines that cannot download the real ones; see docs/toolchain.md."""
