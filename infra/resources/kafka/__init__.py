"""Kafka: topics and their settings, by the REST API."""
