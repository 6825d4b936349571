"""The whole way from Kafka to the marts with faults of every kind on it, and the proof that nothing came of them."""
