"""Regions, sizes and images, as an account sees them.

Slugs and prices were copied from DigitalOcean's public lists; they are data for tests, never what a plan costs.
"""

from tests.fakes.digitalocean.models import Json

REGION_NAMES = {
    "nyc1": "New York 1",
    "nyc2": "New York 2",
    "nyc3": "New York 3",
    "sfo2": "San Francisco 2",
    "sfo3": "San Francisco 3",
    "ams3": "Amsterdam 3",
    "sgp1": "Singapore 1",
    "lon1": "London 1",
    "fra1": "Frankfurt 1",
    "tor1": "Toronto 1",
    "blr1": "Bangalore 1",
    "syd1": "Sydney 1",
}
CLOSED_REGIONS = frozenset({"nyc2", "sfo2"})
"""They exist, and take no new droplets."""

# slug: (memory in MiB, vcpus, disk in GiB, transfer in TiB, USD a month)
_SIZES: dict[str, tuple[int, int, int, float, float]] = {
    "s-1vcpu-512mb-10gb": (512, 1, 10, 0.5, 4),
    "s-1vcpu-1gb": (1024, 1, 25, 1, 6),
    "s-1vcpu-2gb": (2048, 1, 50, 2, 12),
    "s-2vcpu-2gb": (2048, 2, 60, 3, 18),
    "s-2vcpu-4gb": (4096, 2, 80, 4, 24),
    "s-2vcpu-4gb-amd": (4096, 2, 80, 4, 28),
    "s-2vcpu-4gb-intel": (4096, 2, 80, 4, 28),
    "s-2vcpu-8gb-amd": (8192, 2, 100, 5, 42),
    "s-4vcpu-8gb": (8192, 4, 160, 5, 48),
    "s-4vcpu-8gb-amd": (8192, 4, 160, 5, 56),
    "s-4vcpu-8gb-intel": (8192, 4, 160, 5, 56),
    "s-4vcpu-16gb-amd": (16384, 4, 200, 8, 84),
    "s-8vcpu-16gb": (16384, 8, 320, 6, 96),
    "s-8vcpu-16gb-amd": (16384, 8, 320, 6, 112),
    "s-8vcpu-16gb-intel": (16384, 8, 320, 6, 112),
    "s-8vcpu-32gb-amd": (32768, 8, 400, 10, 168),
    "m-2vcpu-16gb": (16384, 2, 50, 4, 84),
    "m-4vcpu-32gb": (32768, 4, 100, 6, 168),
    "g-2vcpu-8gb": (8192, 2, 25, 4, 63),
    "g-4vcpu-16gb": (16384, 4, 50, 5, 126),
    "c-4": (8192, 4, 50, 5, 84),
}
_FAMILIES = {"s": "Basic", "m": "Memory-Optimized", "g": "General Purpose", "c": "CPU-Optimized"}
HOURS_A_MONTH = 672

_IMAGES = {
    "debian-12-x64": (153_000_112, "Debian", "12 x64"),
    "debian-13-x64": (153_000_113, "Debian", "13 x64"),
    "ubuntu-22-04-x64": (153_000_222, "Ubuntu", "22.04 (LTS) x64"),
    "ubuntu-24-04-x64": (153_000_224, "Ubuntu", "24.04 (LTS) x64"),
}
CREATED = "2026-01-15T09:00:00Z"


def _size(slug: str) -> Json:
    memory, vcpus, disk, transfer, monthly = _SIZES[slug]
    return {
        "slug": slug,
        "memory": memory,
        "vcpus": vcpus,
        "disk": disk,
        "disk_info": [{"type": "local", "size": {"amount": disk, "unit": "gib"}}],
        "transfer": transfer,
        "price_monthly": float(monthly),
        "price_hourly": round(monthly / HOURS_A_MONTH, 5),
        "regions": [region for region in REGION_NAMES if region not in CLOSED_REGIONS],
        "available": True,
        "description": _FAMILIES[slug.split("-")[0]],
    }


def _region(slug: str) -> Json:
    open_ = slug not in CLOSED_REGIONS
    return {
        "slug": slug,
        "name": REGION_NAMES[slug],
        "available": open_,
        "features": ["backups", "ipv6", "metadata", "install_agent", "storage", "image_transfer"],
        "sizes": list(_SIZES) if open_ else [],
    }


def _image(slug: str) -> Json:
    identifier, distribution, name = _IMAGES[slug]
    return {
        "id": identifier,
        "name": name,
        "distribution": distribution,
        "slug": slug,
        "public": True,
        "regions": list(REGION_NAMES),
        "created_at": CREATED,
        "min_disk_size": 7,
        "size_gigabytes": 0.6,
        "description": f"{distribution} {name}",
        "tags": [],
        "status": "available",
        "error_message": "",
        "type": "base",
    }


SIZES: dict[str, Json] = {slug: _size(slug) for slug in _SIZES}
REGIONS: dict[str, Json] = {slug: _region(slug) for slug in REGION_NAMES}
IMAGES: dict[str, Json] = {slug: _image(slug) for slug in _IMAGES}
