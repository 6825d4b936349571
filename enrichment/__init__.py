"""What is known of the user agents, addresses and referrers of events: kept beside the landing, read by the models."""
