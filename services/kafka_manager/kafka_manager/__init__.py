"""Shows Kafka to people (pages) and manages topics for programs (an HTTP API modelled on Confluent REST v3)."""
