"""Uploads: taken from a form without holding them in memory, kept on disk under their hash."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.types import Message

from tenantry_clinic.web import Invalid, Problem

# What a form has beside the bytes of its file.
_FORM_BYTES = 64 * 1024


class Kept(NamedTuple):
    """A file on disk."""

    size: int
    sha256: bytes


class Uploaded(NamedTuple):
    """A file of a form; its content lies in memory while it is small, else in a temporary file."""

    name: str
    content_type: str | None
    content: BinaryIO

    def begins_with(self, beginning: bytes | None) -> bool:
        """Whether the content begins so; leaves it at its start."""
        found = self.content.read(len(beginning or b""))
        self.content.seek(0)
        return beginning is not None and found == beginning


@asynccontextmanager
async def uploaded_file(request: Request, field: str, largest: int) -> AsyncIterator[Uploaded]:
    """The file of a multipart form; 413 as soon as more than `largest` bytes have come, 422 where there is no such file."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise Invalid(field, "must come in a form of type multipart/form-data")
    taken = 0

    async def receive() -> Message:
        nonlocal taken
        message = await request.receive()
        taken += len(message.get("body", b""))
        if taken > largest + _FORM_BYTES:
            raise Problem(413, f"a file must have at most {largest} bytes")
        return message

    async with Request(request.scope, receive).form(max_files=1, max_fields=8) as form:
        file = form.get(field)
        if not isinstance(file, UploadFile) or not file.size:
            raise Invalid(field, "the form needs a file of this name that is not empty")
        if file.size > largest:
            raise Problem(413, f"a file must have at most {largest} bytes")
        yield Uploaded(_plain(file.filename or ""), file.content_type, file.file)


def _plain(name: str) -> str:
    """A name without folders and without what cannot be seen, of at most 255 characters."""
    seen = "".join(letter for letter in re.split(r"[/\\]", name)[-1] if letter.isprintable()).strip(" .")
    return seen[:255] or "file"


def keep(content: BinaryIO, folder: Path) -> Kept:
    """Copy `content` into `folder` under its SHA-256, at once or not at all; a 503 when the disk does not take it."""
    try:
        return _copy(content, folder)
    except OSError as error:
        raise Problem(503, f"the file cannot be kept: {error.strerror}") from error


def _copy(content: BinaryIO, folder: Path) -> Kept:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".arriving-", delete=False) as target:
        try:
            shutil.copyfileobj(content, target)
            target.seek(0)
            digest = hashlib.file_digest(target, "sha256").digest()
            Path(target.name).replace(folder / digest.hex())
        except BaseException:
            Path(target.name).unlink(missing_ok=True)
            raise
        return Kept(target.tell(), digest)


def can_be_written(folder: Path) -> bool:
    """Whether uploads can be kept: in the folder, or where the first of them would make it."""
    try:
        place = next(path for path in (folder, *folder.parents) if path.exists())
    except OSError:
        return False
    return place.is_dir() and os.access(place, os.W_OK | os.X_OK)


def kept_before(folder: Path, moment: float) -> Iterator[Path]:
    """What was last written before a moment: files by their hash, and what a killed process left of an upload."""
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < moment:
                yield path
