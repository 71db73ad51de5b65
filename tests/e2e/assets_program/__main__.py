"""One bundle of Superset assets, from a folder that a test chooses and edits."""

import os
from pathlib import Path

import pulumi

from infra.resources.superset.assets import AssetsArgs, SupersetAssets
from infra.resources.superset.bundle import load_assets

config = pulumi.Config()
SupersetAssets(
    "bundle",
    AssetsArgs(
        base_url=config.require("url"),
        username=config.require("user"),
        password=os.environ["SUPERSET_PASSWORD"],
        assets=load_assets(Path(config.require("folder"))),
        public=config.get_object("public") or [],
    ),
)
