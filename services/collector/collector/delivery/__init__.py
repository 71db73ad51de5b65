"""Making events durable: Kafka, and the local spool for when Kafka is away."""
