"""The resource types of DigitalOcean that the platform uses, over its API v2."""
