"""Adapters to what stands outside: Kafka, MongoDB and Qdrant. The same code for the local stack and servers."""
