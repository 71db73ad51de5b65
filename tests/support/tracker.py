"""What tests of several parts know about the tracker."""

SIZE_LIMIT = 2694
"""Bytes, minified and gzipped: only two of the well-known trackers are smaller than one of that size."""

QUEUE_IS_EMPTY = "(localStorage._dvq || '[]') == '[]'"
"""JavaScript in a page of the tracker: every event was confirmed."""
