"""Superset: assets as files, checked, compared and imported."""
