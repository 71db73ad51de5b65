"""Keeps every event and every dead letter as Parquet files, each exactly once. docs/archive.md describes them."""
