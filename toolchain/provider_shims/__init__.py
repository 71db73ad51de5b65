"""Pulumi plugins for machines that can not download the real ones; see docs/toolchain.md."""
