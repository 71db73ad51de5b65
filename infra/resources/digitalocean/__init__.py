"""DigitalOcean: a client for its API, and the wait for new hosts."""
