"""The edges on plain Kafka clients: sources that publish, consumers that write in bulk."""
