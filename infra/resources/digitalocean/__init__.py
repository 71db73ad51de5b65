"""DigitalOcean: its API as a preview asks it, and hosts that are ready."""
