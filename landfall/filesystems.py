"""Folders and buckets alike: a path of this machine, or `s3://bucket/prefix` at any endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow.fs as pafs

from landfall.errors import UserError
from landfall.settings import Settings

S3 = "s3://"
# Arrow waits for a dead endpoint for minutes by default.
_CONNECT_SECONDS, _REQUEST_SECONDS = 5, 60


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
        """As a user would type it."""
        return S3 + self.path if self.is_s3 else self.path

    def at(self, *names: str) -> Location:
        """A place beneath this one."""
        return Location(self.filesystem, "/".join((self.path, *names)))

    def info(self) -> pafs.FileInfo:
        """What is there. Raises UserError when the filesystem does not answer or refuses."""
        try:
            return self.filesystem.get_file_info(self.path)
        except OSError as error:
            raise unreachable(self, error) from error

    def files(self) -> list[pafs.FileInfo]:
        """All files beneath it, recursively, by path; none where it does not exist.

        Raises UserError when the filesystem does not answer or refuses.
        """
        selector = pafs.FileSelector(self.path, recursive=True, allow_not_found=True)
        try:
            found = self.filesystem.get_file_info(selector)
        except OSError as error:
            raise unreachable(self, error) from error
        return sorted((info for info in found if info.type == pafs.FileType.File), key=lambda info: info.path)


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
