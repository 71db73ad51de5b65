"""Superset: reads assets from files, validates, compares and imports them."""
