"""Reads what Druid, Kafka and Superset accept out of their images: `make schemas`."""
