"""The process that forks Spark's Python workers, with what every worker needs already imported.

A worker then starts in a few milliseconds instead of most of a second, also the one that replaces a worker that died.
"""

import gc

import landing_stream.task  # noqa: F401

if __name__ == "__main__":
    from pyspark.daemon import manager

    gc.freeze()  # what is imported is never garbage
    manager()
