"""What the Python services have in common: how they are set and how they log. CONTRIBUTING.md has the conventions."""
