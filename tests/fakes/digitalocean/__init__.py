"""DigitalOcean's API v2 on this machine: see docs/digitalocean-simulator.md."""
