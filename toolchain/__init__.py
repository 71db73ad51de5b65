"""Prepares a machine to run the program. Standard library only."""
