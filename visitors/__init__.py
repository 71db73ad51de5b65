"""Visitors for the platform: thousands of synthetic ones a second, or real browsers."""
