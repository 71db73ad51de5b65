"""What the website serves: the demo shop, nothing, or a folder of the user's own files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator

from infra.paths import ROOT

DEMO: Final = "demo"
NONE: Final = "none"
WELL_KNOWN: Final = ".well-known"


def folder_of(value: str, root: Path = ROOT) -> Path | None:
    """The folder that the setting names; None for `demo` and `none`."""
    return None if value in (DEMO, NONE) else root / value


def files_of(folder: Path) -> list[Path]:
    """The files to serve, in a stable order. Hidden files are left out: they belong to tools, or hold secrets."""
    return sorted(path for path in _paths(folder) if path.is_file())


def _paths(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") and path.name != WELL_KNOWN:
            continue
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _paths(path)


def _problem(value: str, root: Path) -> str | None:
    folder = (root / value).resolve()
    if not value or Path(value).is_absolute():
        return "is not a relative path"
    if folder == root or root not in folder.parents:
        return "is not inside the checkout"
    if not folder.is_dir():
        return "does not exist" if not folder.exists() else "is not a folder"
    if not (folder / "index.html").is_file():
        return "has no index.html"
    # A link could publish files from outside the folder, and may be broken on another machine.
    if link := next((path for path in _paths(folder) if path.is_symlink()), None):
        return f"has a symbolic link, {link.relative_to(folder)}; put the file itself there"
    return None


def check(value: str, root: Path = ROOT) -> str:
    """The value, if it can be served.

    Raises:
        ValueError: it cannot; the message says what is allowed and what is wrong.
    """
    if folder_of(value) is not None and (problem := _problem(value, root.resolve())):
        message = f"`{DEMO}`, `{NONE}`, or a folder of this checkout by its relative path; {value!r} {problem}"
        raise ValueError(message)
    return value


WebsiteContent = Annotated[str, AfterValidator(check)]
