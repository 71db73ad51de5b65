"""Splits a table by day and site, for the archive's folders."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute  # type: ignore[import-untyped]

from archive import layout, parquet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Untyped: pyarrow creates these functions at import.
pc: Any = pyarrow.compute

_BETWEEN = "\x00"


class Sites:
    """Decides which sites get their own folder: the first ones of a day, so that forged names can't create thousands.

    The choice is final for that day: all of a site's rows are in one folder, even after a restart.
    """

    def __init__(self, limit: int, folders: Iterable[str] = ()) -> None:
        """`folders` are the archive's existing folders."""
        self._limit = limit
        self._groups: defaultdict[str, set[str]] = defaultdict(set)
        for folder in folders:
            table, day, *group = folder.split("/")
            if table == layout.EVENTS:
                self._groups[day.removeprefix("day=")].add(group[0].removeprefix("site_group="))

    def folder(self, day: str, site: str) -> str:
        """Return the folder for a site's rows on a day."""
        group, known = layout.site_group(site), self._groups[day]
        if group not in known:
            # The shared folder does not count as a site's folder.
            if len(known - {layout.OTHERS}) >= self._limit:
                group = layout.OTHERS
            known.add(group)
        return layout.events_folder(day, group)


def events(table: pa.Table, sites: Sites) -> Iterator[tuple[str, pa.Table]]:
    """Yield each folder's rows, in their order."""
    site = pc.fill_null(table.column("site"), "") if "site" in table.column_names else pa.scalar("")
    keys = pc.binary_join_element_wise(parquet.days(table), site, _BETWEEN).combine_chunks().dictionary_encode()
    folders = [sites.folder(*key.split(_BETWEEN, 1)) for key in keys.dictionary.to_pylist()]
    yield from _by_folder(table, folders, keys.indices)


def dead_letters(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """Yield each folder's rows, in their order."""
    keys = parquet.days(table).combine_chunks().dictionary_encode()
    yield from _by_folder(table, [layout.dead_letters_folder(day) for day in keys.dictionary.to_pylist()], keys.indices)


def _by_folder(table: pa.Table, folders: list[str], indices: pa.Array) -> Iterator[tuple[str, pa.Table]]:
    distinct = sorted(set(folders))
    if len(distinct) == 1:
        yield distinct[0], table
        return
    number = pa.array([distinct.index(folder) for folder in folders], pa.int32()).take(indices)
    order = pc.array_sort_indices(number)  # stable
    start = 0
    for item in pc.value_counts(number.take(order)):
        count = item["counts"].as_py()
        yield distinct[item["values"].as_py()], table.take(order.slice(start, count))
        start += count
