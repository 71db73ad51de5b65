"""From an event to an Avro record, as the mapping file declares."""
