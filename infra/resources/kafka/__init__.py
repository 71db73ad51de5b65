"""Kafka: topics and their settings, through the REST API."""
