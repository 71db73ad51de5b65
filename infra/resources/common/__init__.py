"""What the providers of all systems share."""
