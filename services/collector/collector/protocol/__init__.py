"""The wire protocol: numbers, identifiers, checksum, mincode, beacon, batch and JSON source."""
