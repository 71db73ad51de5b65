"""A service's metrics, in a separate registry with those of its process."""

from __future__ import annotations

from typing import TypedDict

from prometheus_client import CollectorRegistry
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector


class Own(TypedDict):
    """Arguments of each metric of a service."""

    namespace: str
    registry: CollectorRegistry


def own_metrics(namespace: str) -> Own:
    """Return the arguments for metrics with this prefix, in a new registry."""
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    return Own(namespace=namespace, registry=registry)
