"""Those who drain the same backlog: each a process with a Spark session that stays warm between the runs."""
