"""Finished files, on this machine or in a bucket: which there are, what each is by its content, and its records."""

from __future__ import annotations

import gzip
import hashlib
import io
import logging
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO, cast
from uuid import UUID

import pyarrow.fs as pafs

from landfall.errors import UserError
from landfall.filesystems import Found, Location, locate, unreachable
from landfall.settings import Settings
from landing_stream.contract import Contract
from landing_stream.file_records import FileRecord, csv_records, line_records
from landing_stream.parquet_records import parquet_records
from landing_stream.unpacking import unpacked

logger = logging.getLogger(__name__)

FORMATS = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "csv", ".tsv": "csv", ".parquet": "parquet",
}  # fmt: skip
_READ_BYTES = 1 << 20
_NO_GZIP = (EOFError, zlib.error, gzip.BadGzipFile)
_OF_OPENED = (*_NO_GZIP, OSError)
"""What `SourceFile.opened` makes a sentence of."""
_NAMED_IN_A_SENTENCE = 5


@dataclass(frozen=True)
class SourceFile:
    """A file as it was found; `modified`: nanoseconds since 1970, None where the filesystem does not tell."""

    location: Location
    format: str
    size: int
    modified: int | None
    delimiter: str | None = None
    """What separates cells of a CSV file; None: as its name says."""

    @property
    def name(self) -> str:
        return self.location.shown

    @property
    def key(self) -> tuple[bool, str]:
        """Where it is: what is shown of a path need not be all of it."""
        return self.location.is_s3, self.location.path

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Its content, unpacked. Raises UserError when it cannot be read, or is no whole gzip file, or a bomb."""
        try:
            with self.location.open() as stored:
                if self.format == "parquet":
                    yield stored
                elif self.location.path.lower().endswith(".gz"):
                    yield unpacked(self.name, stored, self.size)
                else:  # Arrow's files have no readline, hence the buffer around them
                    yield cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, stored), _READ_BYTES))
        except _NO_GZIP as error:
            raise UserError(f"{self.name}: not a whole gzip file ({error}): fetch it again.") from error
        except OSError as error:
            raise unreachable(self.location, error) from error

    def check_unchanged(self) -> None:
        """Raises UserError when the file was written to since it was found: half of it would be another file."""
        now = self.location.info()
        if (now.size, now.mtime_ns) != (self.size, self.modified):
            raise UserError(
                f"{self.name} was changed while it was read: wait until it is finished, and run the command again."
            )


def find_files(
    settings: Settings,
    given: Sequence[str],
    on_problem: Callable[[UserError], object] | None = None,
    delimiter: str | None = None,
) -> tuple[list[SourceFile], list[str]]:
    """The files that `given` names, those of folders recursively and by name, and the names of those of no known type.

    `delimiter`: of the cells of CSV files. In folders, what begins with `.` or `_` is no data, as in every lake, and a
    .json file may be another tool's. A folder in one that cannot be read is told to `on_problem`. Raises UserError for
    what is not there, for a file of another type that is named itself, and, without `on_problem`, for a folder that
    cannot be read.
    """
    walked = {} if on_problem is None else {"on_problem": on_problem}
    found: dict[tuple[bool, str], SourceFile] = {}
    unknown: list[str] = []
    for text in given:
        location = locate(settings, text)
        info = location.info()
        if info.type == pafs.FileType.NotFound:
            raise UserError(f"{location.shown}: there is no such file or folder.")
        if info.type == pafs.FileType.Unknown:
            raise UserError(f"{location.shown} is neither a file nor a folder.")
        if info.type == pafs.FileType.File:
            source = _source(location, info, delimiter)
            if source is None:
                raise UserError(f"{location.shown}: {_KNOWN}; rename or convert it.")
            found[source.key] = source
            continue
        for inside in location.files(**walked):
            place = Location(location.filesystem, inside.path)
            if any(part[0] in "._" for part in inside.path[len(location.path) :].split("/") if part):
                continue
            source = _source(place, inside, delimiter)
            if source is None or _is_no_lake_file(inside):
                unknown.append(place.shown)
            else:
                found[source.key] = source
    return list(found.values()), unknown


_KNOWN = (
    "ingest reads .jsonl, .ndjson, .csv and .tsv (also with .gz behind) and .parquet files, and .json where it is named"
)


def _source(location: Location, info: Found, delimiter: str | None) -> SourceFile | None:
    name = info.base_name.lower()
    kind = FORMATS.get("." + name.removesuffix(".gz").rpartition(".")[2])
    if kind is None or (kind == "parquet" and name.endswith(".gz")):
        return None
    return SourceFile(location, kind, info.size, info.mtime_ns, delimiter)


def _is_no_lake_file(info: Found) -> bool:
    """In a folder, a .json file may as well be what some tool notes about the data: it is read when it is named."""
    return info.base_name.lower().removesuffix(".gz").endswith(".json")


def left_alone(unknown: Sequence[str]) -> str:
    """One sentence that names the files of no known type."""
    more = len(unknown) - _NAMED_IN_A_SENTENCE
    names = ", ".join(unknown[:_NAMED_IN_A_SENTENCE]) + (f" and {more:,} more" if more > 0 else "")
    return f"Left alone, as {_KNOWN}: {names}."


def topic_id_of(file: SourceFile) -> UUID:
    """The hash of a file's content and format, in place of a topic's id. Packed or not, under any name: the same.

    Reads the whole file. Raises UserError when it cannot be read.
    """
    digest = hashlib.sha256(f"landfall.file/{file.format}\n".encode())
    with file.opened() as content:
        while block := content.read(_READ_BYTES):
            digest.update(block)
    return custom_uuid(digest.digest())


def custom_uuid(digest: bytes) -> UUID:
    """A digest as a UUID of version 8 (RFC 9562): never the id of a topic, which has version 4."""
    number = int.from_bytes(digest[:16], "big")
    return UUID(int=number & ~(0xF << 76) & ~(0x3 << 62) | 0x8 << 76 | 0x2 << 62)


def records_from(file: SourceFile, content: BinaryIO, contract: Contract, first: int) -> Iterator[FileRecord]:
    """The file's records from number `first` on, counted from 0.

    Raises UserError for what is no file of its kind, and for whatever else keeps it from being read: the other files
    are to land all the same.
    """
    try:
        yield from _records(file, content, contract, first)
    except (UserError, *_OF_OPENED):
        raise
    except Exception as error:
        logger.exception("%s cannot be read", file.name)
        raise UserError(f"{file.name}: cannot be read ({type(error).__name__}; the log says more).") from error


def _records(file: SourceFile, content: BinaryIO, contract: Contract, first: int) -> Iterator[FileRecord]:
    if file.format == "parquet":
        return parquet_records(file.name, content, file.size, contract, first)
    if file.format == "csv":
        return islice(csv_records(file.name, content, contract, file.delimiter), first, None)
    return islice(line_records(file.name, content), first, None)
