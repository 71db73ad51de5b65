"""For every test."""

from hypothesis import HealthCheck, settings

# Properties hold on a slow machine too: time is for benchmarks.
settings.register_profile("clickstream", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("clickstream")
