"""Marts as Parquet files, in a folder or a bucket, and what loads them into Redshift."""
