"""Records of a file as Kafka messages: CSV and JSON, plain or gzipped. No Kafka in here."""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from landfall.errors import UserError
from landing_stream.contract import Contract
from landing_stream.event_key import event_key_text
from landing_stream.file_records import Refused, csv_records, line_records
from landing_stream.unpacking import unpacked

Record = tuple[bytes | None, bytes]
"""Key (None without one) and value."""

_CSV = (".csv", ".tsv")
_TYPES = (*_CSV, ".jsonl", ".ndjson", ".json")


def records(
    path: Path,
    contract: Contract,
    on_refused: Callable[[Refused], object] = lambda refused: None,
    delimiter: str | None = None,
) -> Iterator[Record]:
    """The records of a file, in its order, as landing_stream.file_records reads them; memory does not grow with it.

    The key is the first of the contract's key fields that is set. What is no record is given as it stands, for the
    quarantine, and `on_refused` is told of it: Kafka carries no reason.
    Raises UserError for a file that is absent, of another type, damaged, or not of this stream.
    """
    kind = file_type(path)
    try:
        with path.open("rb") as stored:
            file = unpacked(str(path), stored, path.stat().st_size) if path.suffix.lower() == ".gz" else stored
            is_csv = kind in _CSV
            for value in csv_records(str(path), file, contract, delimiter) if is_csv else line_records(str(path), file):
                if isinstance(value, Refused):
                    on_refused(value)
                    yield None, value.value
                elif value is not None:
                    yield _key(value, contract), value
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(
            f"{path}: not a whole gzip file ({error}): fetch it again. Records before that were produced."
        ) from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}).") from error


def file_type(path: Path) -> str:
    """One of _TYPES. Raises UserError for a file that is absent or of another type."""
    if path.is_dir():
        raise UserError(f"{path} is a folder: name one file.")
    if not path.is_file():
        raise UserError(f"{path}: there is no such file.")
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    if not suffixes or suffixes[-1] not in _TYPES:
        raise UserError(f"{path}: replay reads {', '.join(_TYPES)} files, also with .gz behind; rename or convert it.")
    return suffixes[-1]


def _key(value: bytes, contract: Contract) -> bytes | None:
    try:
        event = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return event_key(event, contract) if isinstance(event, dict) else None


def event_key(event: Mapping[str, object], contract: Contract) -> bytes | None:
    """The key of an event by its contract (landing_stream.event_key); None without one."""

    def text_of(field: str) -> str | None:
        value = event.get(field)
        return value if value is None or isinstance(value, str) else json.dumps(value)

    key = event_key_text(contract.key_fields, text_of)
    return None if key is None else key.encode("utf-8", "replace")
