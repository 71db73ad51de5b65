"""Code shared by the Python services, such as settings and logging. CONTRIBUTING.md has the conventions."""
