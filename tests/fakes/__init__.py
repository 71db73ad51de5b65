"""Rigs: whole outside systems that run on this machine, for tests."""
