"""Forms as browsers send them, read into bounded memory: nothing is spooled to disk, no name is a path."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from vitruvian.serve.problems import Problem

logging.getLogger("python_multipart.multipart").setLevel(logging.ERROR)  # a line for every broken form is of no use
MAX_PARTS = 12
MAX_FIELD_BYTES = 2_000
"""Of a value that is not a file."""


@dataclass(slots=True)
class Form:
    """The parts of a form by name; each name at most once."""

    files: dict[str, bytes] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)


async def read_form(content_type: str | None, body: AsyncIterator[bytes], *, max_bytes: int) -> Form:
    """Parse a multipart form while it arrives. Raises ``Problem``: for another type of content, for more than ``max_bytes``
    in all, for broken forms, for parts that come twice."""
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise Problem(
            "unsupported_media_type",
            "The request is not a multipart form.",
            "Send a form with the file field 'picture': curl -F picture=@photo.jpg URL",
        )
    reader = _Reader()
    received = 0
    try:
        parser = MultipartParser(options[b"boundary"], reader.callbacks())  # type: ignore[arg-type]
        async for chunk in body:
            received += len(chunk)
            if received > max_bytes:
                raise too_large(max_bytes)
            parser.write(chunk)
        parser.finalize()
    except (FormParserError, UnicodeDecodeError) as error:
        raise Problem("bad_request", "The multipart form is broken.", "Let your HTTP library write it.") from error
    if not reader.ended:
        raise Problem("bad_request", "The multipart form ends too early.", "Send it again, whole.")
    return reader.form


def too_large(max_bytes: int) -> Problem:
    """The answer to a request of more bytes than allowed."""
    return Problem(
        "too_large",
        f"The request has more than {max_bytes / 1e6:g} MB.",
        "Send a smaller picture; 2048 pixels a side is plenty.",
    )


class _Reader:
    """What the parser calls."""

    def __init__(self) -> None:
        self.form = Form()
        self.ended = False
        self.parts = 0
        self._begin()

    def callbacks(self) -> dict[str, object]:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_end,
            "on_part_data": self._data,
            "on_part_end": self._part_end,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self.headers: dict[bytes, bytes] = {}
        self.header_name, self.header_value, self.content = bytearray(), bytearray(), bytearray()
        self.name, self.is_file = "", False

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self.header_name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self.header_value += data[start:end]

    def _header_end(self) -> None:
        self.headers[bytes(self.header_name).lower()] = bytes(self.header_value)
        self.header_name, self.header_value = bytearray(), bytearray()

    def _headers_end(self) -> None:
        self.parts += 1
        if self.parts > MAX_PARTS:
            raise Problem("bad_request", f"The form has more than {MAX_PARTS} parts.", "Send picture, mask and options.")
        disposition, options = parse_options_header(self.headers.get(b"content-disposition"))
        if disposition != b"form-data" or not options.get(b"name"):
            raise Problem("bad_request", "A part of the form has no name.", "Let your HTTP library write the form.")
        if self.headers.get(b"content-transfer-encoding", b"binary").lower() not in (b"binary", b"8bit", b"7bit"):
            raise Problem("bad_request", "A part of the form has a transfer encoding.", "Send its bytes as they are.")
        self.name = options[b"name"].decode("utf-8")[:100]
        self.is_file = b"filename" in options  # what the file is called does not matter and is not kept
        if self.name in self.form.files or self.name in self.form.fields:
            raise Problem("bad_request", f"The form has {_shown(self.name)} twice.", "Send each part once.")

    def _data(self, data: bytes, start: int, end: int) -> None:
        self.content += data[start:end]
        if not self.is_file and len(self.content) > MAX_FIELD_BYTES:
            raise Problem("bad_request", f"The field {_shown(self.name)} is too long.", "Send files with a file name.")

    def _part_end(self) -> None:
        if self.is_file:
            self.form.files[self.name] = bytes(self.content)
        else:
            self.form.fields[self.name] = bytes(self.content).decode("utf-8")
        self.content = bytearray()

    def _end(self) -> None:
        self.ended = True


def _shown(name: str) -> str:
    """A stranger's word, safe to repeat."""
    return repr("".join(letter if letter.isprintable() else "?" for letter in name[:40]))
