"""The DigitalOcean simulator, against DigitalOcean's own description and its own client."""
