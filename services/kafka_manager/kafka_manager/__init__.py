"""Shows Kafka to people (pages) and manages topics for programs (an HTTP API in Confluent REST v3's shapes)."""
