"""A landing stream that is killed again and again, and the proof that every record is there once."""
