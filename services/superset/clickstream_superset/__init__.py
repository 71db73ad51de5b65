"""Sets up and starts Superset in its container."""
