"""Forms with files (RFC 7578), put together without reading a file: the engine reads it while it is sent."""

from __future__ import annotations

import mimetypes
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tenantry.errors import UsageError

File = str | Path | tuple[str, bytes] | tuple[str, bytes, str]
Files = Mapping[str, File]


def multipart(fields: Mapping[str, Any], files: Files) -> tuple[list[bytes | tuple[str, int]], str]:
    """The parts of the body, files as (path, length), and the content type. A file is a path, or (name, content[, content type]).

    Raises UsageError for a file that is not there.
    """
    boundary = uuid.uuid4().hex
    parts: list[bytes | tuple[str, int]] = []
    for name, value in fields.items():
        parts.append(_head(boundary, name, None, None) + str(value).encode() + b"\r\n")
    for name, file in files.items():
        parts += _file(boundary, name, file)
    parts.append(f"--{boundary}--\r\n".encode())
    return parts, f"multipart/form-data; boundary={boundary}"


def _file(boundary: str, name: str, file: File) -> Iterator[bytes | tuple[str, int]]:
    if isinstance(file, tuple):
        title, content, *rest = file
        yield _head(boundary, name, title, str(rest[0]) if rest else _kind(title)) + content + b"\r\n"
        return
    path = Path(file)
    if not path.is_file():
        raise UsageError(f"the file {str(path)!r} of the form does not exist", hint="give its path, or (name, content) for one in memory")
    yield _head(boundary, name, path.name, _kind(path.name))
    yield str(path), path.stat().st_size
    yield b"\r\n"


def _kind(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def _head(boundary: str, name: str, file: str | None, kind: str | None) -> bytes:
    head = f'--{boundary}\r\ncontent-disposition: form-data; name="{_escaped(name)}"'
    if file is not None:
        head += f'; filename="{_escaped(file)}"\r\ncontent-type: {kind}'
    return f"{head}\r\n\r\n".encode()


def _escaped(name: str) -> str:
    """As browsers write names (WHATWG HTML, multipart/form-data)."""
    return name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
