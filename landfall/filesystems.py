"""Folders and buckets alike: a path of this machine, or `s3://bucket/prefix` at any endpoint."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn, cast
from urllib.parse import urlsplit

import pyarrow.fs as pafs

from landfall.errors import UserError
from landfall.plain_text import printable
from landfall.settings import Settings

S3 = "s3://"
# Arrow waits for a dead endpoint for minutes by default.
_CONNECT_SECONDS, _REQUEST_SECONDS = 5, 60


@dataclass(frozen=True)
class Found:
    """What stands at a path; `size` in bytes, `mtime_ns` in nanoseconds since 1970, None where that is not told."""

    path: str
    type: pafs.FileType
    size: int = 0
    mtime_ns: int | None = None

    @property
    def base_name(self) -> str:
        return self.path.rpartition("/")[2]


def _raised(problem: UserError) -> NoReturn:
    raise problem


@dataclass(frozen=True)
class Location:
    """A place in a filesystem: `path` as the filesystem wants it, without scheme and closing slash."""

    filesystem: pafs.FileSystem
    path: str

    @property
    def is_s3(self) -> bool:
        return isinstance(self.filesystem, pafs.S3FileSystem)

    @property
    def shown(self) -> str:
        """As a user would type it; what cannot be printed, such as bytes that are no UTF-8, as escapes."""
        return printable(S3 + self.path if self.is_s3 else os.fsencode(self.path).decode("utf-8", "backslashreplace"))

    def at(self, *names: str) -> Location:
        """A place beneath this one."""
        return Location(self.filesystem, "/".join((self.path, *names)))

    def info(self) -> Found:
        """What is there. Raises UserError when the filesystem does not answer or refuses."""
        try:
            if self.is_s3:
                return _found(self.filesystem.get_file_info(self.path))
            return _stat(Path(self.path))
        except OSError as error:
            raise unreachable(self, error) from error

    def open(self) -> BinaryIO:
        """Its content. Raises OSError."""
        if self.is_s3:
            return cast(BinaryIO, self.filesystem.open_input_file(self.path))
        return Path(self.path).open("rb")

    def files(self, on_problem: Callable[[UserError], object] = _raised) -> list[Found]:
        """All files beneath it, recursively, by path; none where it does not exist.

        A folder of this machine that cannot be read, or a link to nothing, is told to `on_problem`, which may let the
        others be found. Raises UserError when a filesystem does not answer or refuses.
        """
        if not self.is_s3:
            return sorted(self._local_files(on_problem), key=lambda found: found.path)
        selector = pafs.FileSelector(self.path, recursive=True, allow_not_found=True)
        try:
            found = self.filesystem.get_file_info(selector)
        except OSError as error:
            raise unreachable(self, error) from error
        return sorted((_found(info) for info in found if info.type == pafs.FileType.File), key=lambda info: info.path)

    def _local_files(self, on_problem: Callable[[UserError], object]) -> Iterator[Found]:
        """Not by Arrow, which takes no name that is not UTF-8, and follows a link to a folder above for ever."""
        waiting, known = [Path(self.path)], set[tuple[int, int]]()
        while waiting:
            folder = waiting.pop()
            try:
                status = folder.stat()
                if (status.st_dev, status.st_ino) in known:
                    continue
                known.add((status.st_dev, status.st_ino))
                paths = list(folder.iterdir())
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                on_problem(unreachable(Location(self.filesystem, str(folder)), error))
                continue
            for path in paths:
                try:
                    found = _stat(path)
                except OSError as error:
                    on_problem(unreachable(Location(self.filesystem, str(path)), error))
                    continue
                if found.type == pafs.FileType.File:
                    yield found
                elif found.type == pafs.FileType.Directory:
                    waiting.append(path)
                elif path.is_symlink():
                    shown = Location(self.filesystem, str(path)).shown
                    on_problem(UserError(f"{shown} is a link that leads to no file."))


def _found(info: pafs.FileInfo) -> Found:
    return Found(info.path, info.type, info.size or 0, info.mtime_ns)


def _stat(path: Path) -> Found:
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return Found(str(path), pafs.FileType.NotFound)
    if stat.S_ISDIR(status.st_mode):
        return Found(str(path), pafs.FileType.Directory)
    kind = pafs.FileType.File if stat.S_ISREG(status.st_mode) else pafs.FileType.Unknown
    return Found(str(path), kind, status.st_size, status.st_mtime_ns)


def locate(settings: Settings, given: str) -> Location:
    """The place that a user names. Keys for S3 come from where AWS' own tools take them (AWS_ACCESS_KEY_ID, …).

    Raises UserError for a URL that is neither a path nor of S3.
    """
    if given.startswith(S3):
        return Location(_s3(settings, given), given.removeprefix(S3).rstrip("/"))
    if "://" in given:
        raise UserError(f"{given}: write a path of this machine, or s3://BUCKET/PREFIX.")
    return Location(pafs.LocalFileSystem(), str(Path(given).expanduser().absolute()))


def _s3(settings: Settings, given: str) -> pafs.S3FileSystem:
    bucket = given.removeprefix(S3).partition("/")[0]
    if not bucket:
        raise UserError(f"{given}: name a bucket, s3://BUCKET/PREFIX.")
    timeouts = {"connect_timeout": _CONNECT_SECONDS, "request_timeout": _REQUEST_SECONDS}
    if settings.s3_endpoint is None:
        return pafs.S3FileSystem(region=settings.s3_region or _region_of(bucket), **timeouts)
    endpoint = urlsplit(settings.s3_endpoint)
    return pafs.S3FileSystem(
        endpoint_override=endpoint.netloc, scheme=endpoint.scheme, region=settings.s3_region or "us-east-1", **timeouts
    )


def _region_of(bucket: str) -> str:
    try:
        return str(pafs.resolve_s3_region(bucket))
    except OSError as error:
        raise UserError(
            f"Amazon does not tell the region of bucket {bucket} ({_said(error)}): set AWS_REGION, or"
            " LANDFALL_S3_ENDPOINT for a bucket elsewhere."
        ) from error


def unreachable(location: Location, error: OSError) -> UserError:
    """One sentence for what a filesystem says of a place."""
    keys = "; are AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and LANDFALL_S3_ENDPOINT right?" if location.is_s3 else "."
    return UserError(f"{location.shown}: {_said(error)}{keys}")


def _said(error: OSError) -> str:
    return " ".join(str(error.strerror or error).split()).rstrip(".")[:300]
