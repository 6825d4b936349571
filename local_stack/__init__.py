"""Everything on one machine with no Docker: an embedded Postgres and a real Kafka broker under one state folder."""
