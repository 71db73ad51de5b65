"""What an account holds. Plain records; each API module renders its own."""

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(kw_only=True)
class Action:
    """Something under way, or done."""

    id: int
    type: str
    resource_id: int | None
    resource_type: str
    region: str
    started_at: str
    owner: str
    """URN of what it was asked of; the API lists actions by it."""

    status: str = "in-progress"
    completed_at: str | None = None


@dataclass(kw_only=True)
class SshKey:
    """A public key of the account."""

    id: int
    name: str
    public_key: str
    fingerprint: str


@dataclass(kw_only=True)
class Vpc:
    """A private network."""

    id: str
    name: str
    description: str
    region: str
    ip_range: str
    default: bool
    created_at: str

    @property
    def urn(self) -> str:
        """As projects and members name it."""
        return f"do:vpc:{self.id}"


@dataclass(kw_only=True)
class Droplet:
    """A droplet; `locked` while an action on it is under way."""

    id: int
    name: str
    size: str
    region: str
    image: Json
    vpc_uuid: str
    created_at: str
    ssh_keys: list[SshKey]
    user_data: str
    features: list[str]
    tags: list[str]
    disk: int
    """GiB; grows with a permanent resize, never shrinks."""

    public_ip: str | None = None
    private_ip: str | None = None
    ipv6: str | None = None
    status: str = "new"
    locked: bool = True
    stuck: bool = False
    """A fault: it stays in `new` forever."""

    @property
    def urn(self) -> str:
        """As projects and members name it."""
        return f"do:droplet:{self.id}"


@dataclass(kw_only=True)
class Volume:
    """A block storage volume, attached to at most one droplet."""

    id: str
    name: str
    description: str
    region: str
    size_gigabytes: int
    filesystem_type: str
    filesystem_label: str
    tags: list[str]
    created_at: str
    droplet_id: int | None = None

    @property
    def urn(self) -> str:
        """As projects name it."""
        return f"do:volume:{self.id}"


@dataclass(kw_only=True)
class Snapshot:
    """Of a droplet (then its id is a number, and it is an image too) or of a volume."""

    id: str
    name: str
    resource_id: str
    resource_type: str
    region: str
    min_disk_size: int
    size_gigabytes: float
    tags: list[str]
    created_at: str


@dataclass(kw_only=True)
class Firewall:
    """Rules are kept as DigitalOcean shows them."""

    id: str
    name: str
    inbound_rules: list[Json]
    outbound_rules: list[Json]
    droplet_ids: list[int]
    tags: list[str]
    created_at: str
    status: str = "waiting"


@dataclass(kw_only=True)
class ReservedIp:
    """An address that moves between droplets of a region."""

    ip: str
    region: str
    droplet_id: int | None = None
    locked: bool = False

    @property
    def urn(self) -> str:
        """As projects name it."""
        return f"do:reservedip:{self.ip}"


@dataclass(kw_only=True)
class Record:
    """A DNS record."""

    id: int
    type: str
    name: str
    data: str
    ttl: int = 1800
    priority: int | None = None
    port: int | None = None
    weight: int | None = None
    flags: int | None = None
    tag: str | None = None


@dataclass(kw_only=True)
class Domain:
    """A zone."""

    name: str
    ttl: int = 1800
    records: dict[int, Record] = field(default_factory=dict)

    @property
    def urn(self) -> str:
        """As projects name it."""
        return f"do:domain:{self.name}"


@dataclass(kw_only=True)
class Project:
    """A folder of resources."""

    id: str
    name: str
    description: str
    purpose: str
    environment: str
    is_default: bool
    created_at: str
    updated_at: str


@dataclass(kw_only=True)
class Credential:
    """A login at the registry."""

    user: str
    password: str
    read_write: bool


@dataclass(kw_only=True)
class Registry:
    """A container registry."""

    name: str
    region: str
    created_at: str
    credentials: list[Credential] = field(default_factory=list)
    garbage_collections: list[Json] = field(default_factory=list)


@dataclass(kw_only=True)
class AlertPolicy:
    """A monitoring alert, as the API takes and gives it."""

    uuid: str
    policy: Json
