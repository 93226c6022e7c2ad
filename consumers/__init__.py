"""Entry points on plain Kafka clients: sources that publish, and consumers that write in bulk or work for long."""
