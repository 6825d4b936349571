"""The files of an export: each replaced at once, and a small manifest beside them that tells which day they hold."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from exports.columns import Column, arrow_schema
from exports.snapshot import Day
from landfall.errors import UserError
from landfall.filesystems import Location, unreachable

MANIFEST = "_landfall_export.json"
FILE = "part-0.parquet"
PARTITION = "event_date="
NO_DAY = "__HIVE_DEFAULT_PARTITION__"
"""Hive's name for rows without a day."""
ROWS_A_GROUP = 100_000


def day_path(day: Day, has_days: bool) -> str:
    """Path of a day's file beneath its table's folder."""
    if not has_days:
        return FILE
    return f"{PARTITION}{day.isoformat() if day is not None else NO_DAY}/{FILE}"


def read_manifest(table: Location) -> dict[str, dict[str, Any]]:
    """Path of each file to what was written of it (rows, bytes, digest); empty before the first export.

    Raises UserError for a manifest that is none, so that nobody's folder is taken for an export.
    """
    place = table.at(MANIFEST)
    if place.info().type != pafs.FileType.File:
        return {}
    try:
        with place.filesystem.open_input_stream(place.path) as file:
            files = json.loads(file.read())["files"]
            return {str(path): dict(entry) for path, entry in files.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{place.shown} is no manifest of an export: remove it, and every day is written anew."
        ) from error
    except OSError as error:
        raise unreachable(place, error) from error


def write_manifest(table: Location, name: str, files: dict[str, dict[str, Any]]) -> None:
    """Replaces the manifest; the same files make the same bytes."""
    document = {"format": 1, "table": name, "files": dict(sorted(files.items()))}
    write_text(table.at(MANIFEST), json.dumps(document, indent=1) + "\n")


def existing_files(table: Location) -> dict[str, int]:
    """Path of each exported file that is there, with its size; what an export did not write is not among them."""
    pattern = re.compile(rf"({PARTITION}(\d{{4}}-\d\d-\d\d|{NO_DAY})/)?{re.escape(FILE)}")
    found = {info.path[len(table.path) + 1 :]: info.size for info in table.files()}
    return {path: size for path, size in found.items() if pattern.fullmatch(path)}


def remove(table: Location, path: str) -> None:
    """Deletes a file of an export, with the folder of its day."""
    folder, _, _ = path.rpartition("/")
    try:
        if folder:
            table.filesystem.delete_dir(table.at(folder).path)
        else:
            table.filesystem.delete_file(table.at(path).path)
    except OSError as error:
        raise unreachable(table, error) from error


def write_text(place: Location, text: str) -> None:
    """Replaces a small file at once; one that already says so is left as it is."""
    if place.info().type == pafs.FileType.File:
        with place.filesystem.open_input_stream(place.path) as file:
            if file.read() == text.encode():
                return
    with replacing(place) as path:
        path.write_text(text, encoding="utf-8")


def write_days(
    table: Location, columns: list[Column], rows: Iterable[tuple[Day, pa.Table]], has_days: bool
) -> Iterator[tuple[Day, int, int]]:
    """Writes one file a day, from rows that come by day; gives what was written: day, rows, bytes."""
    for day, pieces in groupby(rows, key=itemgetter(0)):
        with replacing(table.at(day_path(day, has_days))) as path:
            count = _write_file(path, arrow_schema(columns), (piece for _, piece in pieces))
            size = path.stat().st_size
        yield day, count, size


def _write_file(path: Path, schema: pa.Schema, pieces: Iterable[pa.Table]) -> int:
    """Writes row groups of a fixed size, so that the same rows make the same bytes; returns how many rows."""
    count = 0
    waiting = schema.empty_table()
    # snappy: what Redshift's own UNLOAD writes, and everything reads
    with pq.ParquetWriter(path, schema, compression="snappy") as writer:
        for piece in pieces:
            waiting = pa.concat_tables([waiting, piece.cast(schema)])
            while waiting.num_rows >= ROWS_A_GROUP:
                writer.write_table(waiting.slice(0, ROWS_A_GROUP).combine_chunks(), ROWS_A_GROUP)
                waiting, count = waiting.slice(ROWS_A_GROUP), count + ROWS_A_GROUP
        if waiting.num_rows or not count:
            writer.write_table(waiting.combine_chunks(), ROWS_A_GROUP)
    return count + waiting.num_rows


@contextmanager
def replacing(place: Location) -> Iterator[Path]:
    """A new file to write, which takes the place of the old one when the block has ended well, and at once: readers
    see the one or the other.

    Raises UserError when the filesystem refuses.
    """
    if not place.is_s3:
        target = Path(place.path)
        temporary = target.with_name(f".{target.name}.{uuid4().hex}.tmp")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            temporary.replace(target)
        except OSError as error:
            raise unreachable(place, error) from error
        finally:
            with suppress(OSError):
                temporary.unlink()
        return
    with tempfile.TemporaryDirectory(prefix="landfall-export-") as folder:
        temporary = Path(folder) / FILE
        yield temporary
        try:
            # An object is there once its upload is complete, and not before. Closing completes it, also after an
            # interrupt: so it is one call, which none can come into.
            content = pa.memory_map(str(temporary)).read_buffer()
            with place.filesystem.open_output_stream(place.path) as upload:
                upload.write(content)
        except OSError as error:
            raise unreachable(place, error) from error
