"""Forms whose text is UTF-8, and what is made of those whose text is not."""

from __future__ import annotations

from typing import IO, Any
from urllib.parse import unquote_to_bytes

from flask import Request
from werkzeug.datastructures import Headers, MultiDict
from werkzeug.formparser import FormDataParser, MultiPartParser

Parsed = tuple[IO[bytes], MultiDict[str, str], MultiDict[str, Any]]


class FormRequest(Request):
    """A request that knows whether the text of its form is what was sent."""

    def make_form_data_parser(self) -> FormDataParser:
        """Called before the form is read for the first time."""
        self._parser = _Parser(
            stream_factory=self._get_file_stream,
            max_form_memory_size=self.max_form_memory_size,
            max_content_length=self.max_content_length,
            max_form_parts=self.max_form_parts,
            cls=self.parameter_storage_class,
        )
        return self._parser

    @property
    def is_utf_8(self) -> bool:
        """Whether every field is; where one is not, ``%XX`` stands for the octet."""
        if self.mimetype == "application/x-www-form-urlencoded":
            try:
                # What parts the fields is ASCII: all of it is UTF-8 where each of them is.
                unquote_to_bytes(self.get_data()).decode()
            except UnicodeDecodeError:
                return False
        _ = self.form
        return getattr(self, "_parser", None) is None or self._parser.is_utf_8


class _Parser(FormDataParser):
    is_utf_8 = True

    def parse(
        self,
        stream: IO[bytes],
        mimetype: str,
        content_length: int | None,
        options: dict[str, str] | None = None,
    ) -> Parsed:
        if mimetype != "multipart/form-data":
            return super().parse(stream, mimetype, content_length, options)
        parts = _Octets(
            self.stream_factory,
            self.max_form_memory_size,
            self.cls,
            max_form_parts=self.max_form_parts,
        )
        try:
            boundary = (options or {}).get("boundary", "").encode("ascii")
            form, files = parts.parse(stream, boundary, content_length)
        except ValueError:
            return stream, self.cls(), self.cls()
        fields = [(name, self._text(value)) for name, value in form.items(multi=True)]
        return stream, self.cls(fields), files

    def _text(self, octets: str) -> str:
        sent = octets.encode("iso-8859-1")
        try:
            return sent.decode()
        except UnicodeDecodeError:
            self.is_utf_8 = False
            # As werkzeug does it in the other kind of form.
            return sent.decode(errors="werkzeug.url_quote")


class _Octets(MultiPartParser):
    """Leaves the octets of a field as they came: the other one puts U+FFFD for some."""

    def get_part_charset(self, headers: Headers) -> str:
        return "iso-8859-1"
