"""A stream of one's own from a sample: contract, models, tests and a first dashboard, written as files to edit."""
