"""The one home of Kafka: records, producers, consumers, views of topics, dead letters and administration."""
