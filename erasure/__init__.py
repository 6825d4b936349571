"""Making a person unknown: which identifiers are theirs, and where these stand."""
