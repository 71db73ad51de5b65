"""What a service says of its readiness."""

import json
import urllib.error
import urllib.request


def why_not_ready(port: int) -> str | None:
    """Why the service at a port of this machine is not ready; None when it is."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5):
            return None
    except urllib.error.HTTPError as error:
        return str(json.loads(error.read())["reason"])
    except OSError as error:
        return f"no answer: {error}"
