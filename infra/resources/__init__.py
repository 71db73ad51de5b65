"""Dynamic resources: a folder for each system, with its resources, its client and its checks.

The engine stores each provider in the state by its module and class. The state of a stack that an older version
deployed names modules that have moved since. MOVED lets a refresh or a destroy of such a stack find them.
"""

import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Final

MOVED: Final = {
    "data_volume": "docker.data_volume",
    "druid_setting": "druid.coordinator_settings",
    "druid_supervisor": "druid.supervisor",
    "host_ready": "digitalocean.host_ready",
    "kafka_topic": "kafka.topic",
    "loaded_image": "docker.loaded_image",
    "local_swarm": "docker.local_swarm",
    "registry_login": "docker.registry_login",
    "service_ready": "docker.service_ready",
    "superset_assets": "superset.assets",
    "swarm_cluster": "docker.swarm_cluster",
    "swarm_node": "docker.swarm_node",
}
"""From old modules to new ones, both below this package. Never remove an entry: some stack may still name it."""


class _MovedModules(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds a module under its old name, with the definitions of the module at the new place."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """None for a module that has not moved, so that Python looks elsewhere."""
        del path, target
        package, _, name = fullname.rpartition(".")
        if package != __name__ or name not in MOVED:
            return None
        return importlib.machinery.ModuleSpec(fullname, self)

    def exec_module(self, module: ModuleType) -> None:
        """Use the same objects under both names, so that a provider is one class."""
        moved = importlib.import_module(f"{__name__}.{MOVED[module.__name__.rpartition('.')[2]]}")
        module.__dict__.update({name: item for name, item in vars(moved).items() if not name.startswith("__")})


sys.meta_path.append(_MovedModules())
