"""Tests of the collector that need no broker."""
