"""Lands raw events from Kafka in Postgres, each exactly once."""
