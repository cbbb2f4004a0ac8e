"""Pictures that editors upload: what is taken, what is left of them, how they are served."""

from __future__ import annotations

import random
import struct
import zlib
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from feedsvc.errors import PictureRefused
from feedsvc.pictures import LARGEST_FILE_BYTES, remade, remade_apart
from feedsvc.storage import LookedFor, Storage
from tests.conftest import utc
from tests.contract import InProcess
from tests.service import PASSWORD, Answer, form_as_browser

BOUNDARY = "a-boundary-that-stands-in-no-picture"


def picture(
    width: int = 60, height: int = 40, mode: str = "RGB", format: str = "PNG", **saved: Any
) -> bytes:
    """A file as a camera or a drawing program writes it, with some colours in it."""
    image = Image.linear_gradient("L").resize((width, height))
    if mode == "I;16":
        image = image.convert("I").point(lambda value: value * 257)
    image = image.convert(mode)
    written = BytesIO()
    image.save(written, format, **saved)
    return written.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data))


def multipart(fields: dict[str, Any], name: str, data: bytes) -> tuple[bytes, str]:
    """A form with a file as a browser sends it, and its type."""
    parts = []
    for key, value in fields.items():
        for one in value if isinstance(value, list) else [value]:
            head = f'Content-Disposition: form-data; name="{key}"'
            parts.append(f"--{BOUNDARY}\r\n{head}\r\n\r\n{one}\r\n".encode())
    head = f'Content-Disposition: form-data; name="picture_file"; filename="{name}"'
    kind = "Content-Type: text/html"  # whatever the browser says
    parts.append(f"--{BOUNDARY}\r\n{head}\r\n{kind}\r\n\r\n".encode() + data + b"\r\n")
    parts.append(f"--{BOUNDARY}--\r\n".encode())
    return b"".join(parts), f"multipart/form-data; boundary={BOUNDARY}"


def upload(service: InProcess, path: str, fields: dict[str, Any], data: bytes) -> Answer:
    """Press Upload."""
    body, kind = multipart(fields | {"action": "upload"}, "cup.jpg", data)
    return service.request("POST", path, body, Content_Type=kind, Cookie=service.cookie)


# What is left of a file


@pytest.mark.parametrize(
    ("mode", "format", "media_type"),
    [
        ("RGB", "JPEG", "image/jpeg"),
        ("L", "JPEG", "image/jpeg"),
        ("CMYK", "JPEG", "image/jpeg"),
        ("P", "PNG", "image/png"),
        ("RGBA", "PNG", "image/png"),
        ("I;16", "PNG", "image/png"),
        ("P", "GIF", "image/png"),
        ("RGBA", "WEBP", "image/webp"),
        ("RGB", "AVIF", "image/jpeg"),
    ],
)
def test_what_browsers_show_is_taken_in_two_sizes(mode: str, format: str, media_type: str) -> None:
    made = remade(picture(900, 300, mode, format))
    assert made.media_type == media_type
    assert [(one.width, one.height) for one in made.sizes] == [(900, 300), (640, 213)]
    for one in made.sizes:
        written = opened(one.body)
        assert (written.get_format_mimetype(), written.size) == (
            media_type,
            (one.width, one.height),
        )
        # Dark above and bright below, as it was.
        grey = written.convert("L")
        assert grey.getpixel((5, 2)) < 30
        assert grey.getpixel((5, one.height - 3)) > 220


def test_only_the_picture_survives() -> None:
    exif = Image.Exif()
    exif[0x010E] = "a secret description"
    exif[0x0112] = 6  # lies on its side
    exif.get_ifd(0x8825)[2] = (45.0, 27.0, 0.0)
    wide = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for format in ("JPEG", "PNG", "WEBP"):
        more = {"comment": b"a secret comment"} if format == "JPEG" else {}
        data = picture(60, 40, "RGB", format, exif=exif, icc_profile=wide, **more)
        made = remade(data + b"<script>a secret tail</script>").sizes[0]
        left = opened(made.body)
        left.load()
        assert (made.width, made.height) == (40, 60)
        assert not left.getexif()
        assert b"secret" not in made.body
        assert not {"icc_profile", "exif", "comment", "xmp"} & set(left.info)


def test_a_large_picture_is_scaled_down() -> None:
    made = remade_apart(picture(4000, 1000, "RGB", "JPEG"))
    assert [(one.width, one.height) for one in made.sizes] == [(1600, 400), (640, 160)]
    assert len(remade(picture(30, 2000)).sizes) == 1


def moving(format: str) -> bytes:
    return picture(format=format, save_all=True, append_images=[Image.new("RGB", (60, 40))])


def bomb() -> bytes:
    """A file of a few octets that says it has nine hundred million pixels."""
    kind = b"IHDR" + struct.pack(">II", 30_000, 30_000) + b"\x01\0\0\0\0"
    head = struct.pack(">I", 13) + kind + struct.pack(">I", zlib.crc32(kind))
    return picture(mode="1")[:8] + head + picture(mode="1")[33:]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "PNG"),
        (b"<!doctype html><script>alert(1)</script>", "JPEG, PNG"),
        (b"GIF89a<script>alert(1)</script>", "PNG"),
        (picture(format="TIFF"), "JPEG, PNG"),
        (picture(format="BMP"), "JPEG, PNG"),
        (picture(400, 300, "RGB", "JPEG")[:1500], "damaged"),
        (picture(format="PNG")[:60], "damaged"),
        (picture(8000, 7000, "1"), "50 million"),
        (bomb(), "50 million"),
        (moving("GIF"), "moves"),
        (moving("WEBP"), "moves"),
        (moving("PNG"), "moves"),
        (b"\xff\xd8\xff" + b"x" * LARGEST_FILE_BYTES, "at most 20 MB"),
    ],
    ids=range(14),
)
def test_anything_else_is_refused_with_the_mend(data: bytes, said: str) -> None:
    with pytest.raises(PictureRefused, match=said) as refused:
        remade(data)
    if len(data) < 100:
        with pytest.raises(PictureRefused) as apart:
            remade_apart(data)
        assert str(apart.value) == str(refused.value)


@settings(max_examples=60)
@given(st.sampled_from(["JPEG", "PNG", "GIF", "WEBP"]), st.integers(0, 2**32))
def test_no_damaged_file_is_more_than_refused(format: str, seed: int) -> None:
    picked = random.Random(seed)  # noqa: S311
    data = bytearray(picture(format=format))
    for _ in range(picked.randrange(1, 20)):
        data[picked.randrange(len(data))] = picked.randrange(256)
    try:
        made = remade(bytes(data))
    except PictureRefused:
        return
    for one in made.sizes:
        assert opened(one.body).get_format_mimetype() == made.media_type


# Stored and served


def test_a_picture_is_stored_once_on_either_engine(storage: Storage) -> None:
    for by, body in (("ada", b"first"), ("bob", b"second")):
        with storage.writing() as tx:
            sizes = [(640, 300, body), (900, 422, body * 2)]
            tx.pictures.add("d" * 32, "image/png", sizes, by=by, now=utc(2026, 1, 1))
    with storage.reading() as tx:
        found = tx.pictures.find("d" * 32)
        assert found is not None
        assert (found.width, found.height, found.length_bytes) == (900, 422, 10)
        assert tx.pictures.body("d" * 32, 900) == b"firstfirst"
        assert tx.pictures.body("d" * 32, 640) == b"first"
        assert tx.pictures.find("d" * 32, width=320) is None
        assert tx.pictures.find("e" * 32) is None


def test_an_upload_keeps_what_is_typed_and_is_served_for_ever(in_process: InProcess) -> None:
    page = in_process.browse("/editor/new")
    path = page.page.xpath("//main//form/@action")[0]
    typed = form_as_browser(page) | {"title": "A cup", "category": "health", "body": "Line\n\nTwo"}
    data = picture(900, 300, "RGB", "JPEG")
    shown = upload(in_process, path, typed | {"picture_alt": "A cup"}, data)
    assert shown.status == 200
    assert (shown.field("title"), shown.field("body")) == ("A cup", "Line\n\nTwo")
    assert shown.field("picture_alt") == "A cup"
    address = shown.field("picture")
    assert "900 × 300" in shown.page.xpath("string(//*[@id='picture-hint'])")
    # Nothing of the article was saved, and sent twice it is the same picture.
    assert in_process.browse("/editor/").text.count("A cup") == 0
    again = upload(in_process, path, typed, data)
    assert again.field("picture") == address
    with in_process.workers[0].storage.reading() as tx:
        noted, _ = tx.audit.latest(LookedFor(kind="picture"), limit=5)
    assert [(one.who, one.action, one.subject) for one in noted] == [
        ("ada", "picture.stored", address)
    ]

    small = address.replace(".jpg", "-640.jpg")
    for one, size in ((address, (900, 300)), (small, (640, 213))):
        served = in_process.get(one)
        assert opened(served.body).size == size
        assert served.headers["content-type"] == "image/jpeg"
        assert served.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert served.headers["x-content-type-options"] == "nosniff"
        assert served.headers["content-security-policy"] == "default-src 'none'; sandbox"
        tag = served.headers["etag"]
        for known in (tag, f"W/{tag}", "*"):
            assert in_process.get(one, If_None_Match=known).status == 304
        head = in_process.request("HEAD", one)
        assert (head.status, head.headers["content-length"]) == (200, str(len(served.body)))
    assert in_process.get(address).headers["etag"] != in_process.get(small).headers["etag"]
    for extension in ("html", "svg", "png", "xml"):
        served = in_process.get(address.replace(".jpg", f".{extension}"))
        assert served.headers["content-type"] == "image/jpeg"
    for missing in ("/media/x.jpg", f"/media/{'0' * 32}.jpg", address.replace(".jpg", "-320.jpg")):
        assert in_process.get(missing).status == 404

    # What was typed of another file does not go out with it.
    typed = form_as_browser(shown) | {"picture_type": "image/gif", "picture_length": "5"}
    assert in_process.send(path, typed | {"action": "publish"}).status == 303
    assert b"image/gif" not in in_process.get("/feeds/health.atom").body
    page = in_process.get("/articles/a-cup")
    image = page.page.xpath("//article//figure/img")[0]
    assert image.get("alt") == "A cup"
    assert image.get("src").endswith(address)
    assert small in image.get("srcset")


def test_what_cannot_be_uploaded_costs_nothing_that_was_typed(in_process: InProcess) -> None:
    page = in_process.browse("/editor/new")
    path = page.page.xpath("//main//form/@action")[0]
    typed = form_as_browser(page) | {"title": "Half", "category": "health", "body": "Words"}
    for data, said in ((b"<svg/>", "SVG"), (b"x", "no JPEG")):
        refused = upload(in_process, path, typed, data)
        assert (refused.status, refused.field("body")) == (422, "Words")
        assert said in refused.page.xpath("string(//*[@id='picture_file-fault'])")
    # Chosen, and another button pressed: its name alone arrives.
    named = in_process.send(path, typed | {"picture_file": "cup.jpg", "action": "publish"})
    assert (named.status, named.field("body")) == (422, "Words")
    assert "cup.jpg" in named.page.xpath("string(//*[@id='picture_file-fault'])")
    # The session ended meanwhile: the words come back, and the file is to be chosen again.
    in_process.cookie = ""
    asked = upload(in_process, path, typed, picture())
    assert asked.status == 401
    in_process._keep_cookie(asked)
    hidden = {one.get("name"): one.get("value") for one in asked.page.xpath("//form//input")}
    back = in_process.send("/editor/sign-in", hidden | {"name": "ada", "password": PASSWORD})
    assert (back.field("title"), back.field("body")) == ("Half", "Words")
    assert "cup.jpg" in back.page.xpath("string(//*[@id='picture_file-fault'])")


def test_text_beside_a_file_is_utf_8_or_refused(in_process: InProcess) -> None:
    page = in_process.browse("/editor/new")
    path = page.page.xpath("//main//form/@action")[0]
    typed = form_as_browser(page) | {"title": "Caf@ na\u00efve \ufffd", "category": "health"}
    for octets, status, title in (
        (b"\xe9", 400, "Caf%E9 naïve \ufffd"),
        ("é".encode(), 200, "Café naïve \ufffd"),
    ):
        body, kind = multipart(typed | {"action": "upload"}, "cup.jpg", picture())
        body = body.replace(b"Caf@", b"Caf" + octets)
        shown = in_process.request("POST", path, body, Content_Type=kind, Cookie=in_process.cookie)
        assert (shown.status, shown.field("title")) == (status, title)


def test_what_is_public_carries_nobodys_cookie(in_process: InProcess) -> None:
    path = in_process.browse("/editor/new").page.xpath("//main//form/@action")[0]
    shown = upload(in_process, path, form_as_browser(in_process.browse("/editor/new")), picture())
    assert "set-cookie" in shown.headers  # the session is prolonged
    for address in (shown.field("picture"), "/static/pictures.js", "/"):
        served = in_process.browse(address)
        assert (served.status, "set-cookie" in served.headers) == (200, False)
        if address != "/":
            assert "Cookie" not in served.headers.get("vary", "")


def test_a_script_uploads_as_well_and_nobody_else(in_process: InProcess) -> None:
    token = form_as_browser(in_process.browse("/editor/new"))["csrf_token"]

    def sent(data: bytes, **fields: str) -> Answer:
        body, kind = multipart(fields, "cup.jpg", data)
        cookie = in_process.cookie
        return in_process.request(
            "POST", "/editor/pictures", body, Content_Type=kind, Cookie=cookie
        )

    assert '"/media/' in sent(picture(), csrf_token=token).text
    refused = sent(b"<svg/>", csrf_token=token)
    assert (refused.status, "SVG" in refused.text) == (422, True)
    assert sent(picture()).status == 400
    in_process.cookie = ""
    assert sent(picture(), csrf_token=token).status in (400, 401)
