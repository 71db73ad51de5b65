"""Converts Avro events on one Kafka topic to JSON on another, exactly once."""
