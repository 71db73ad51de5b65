"""Code that the providers of all systems share."""
