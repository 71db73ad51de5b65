"""Simulates visitors: thousands of synthetic events per second, or real browsers."""
