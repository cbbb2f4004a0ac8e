"""A picture that somebody uploaded, written anew: looked at by its content, sized, made bare.

What was hidden in the file (place and time, comments, whatever follows the picture) does not
survive: only the pixels do, turned upright, in sRGB. ``remade`` is a pure function of its
bytes; ``remade_apart`` has a process of its own do it, which stands back behind everything
else, may take only so much memory, and is ended when it takes too long.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from feedsvc.errors import PictureRefused
from feedsvc.phrases import Phrase, Tenths, said_elsewhere

LARGEST_FILE_BYTES = 20_000_000
MOST_PIXELS = 50_000_000
# Of the picture itself each side; of the one for small windows the width.
LONGEST_SIDE = 1600
SMALL_WIDTH = 640
# An opaque picture of more colours is a photograph, and written as one.
MOST_COLOURS = 4096
LONGEST_PROFILE = 4_000_000
MOST_SECONDS = 30
MOST_MEMORY_BYTES = 2_000_000_000
NICENESS = 10

# Pillow's names. SVG is not among them: it is a document with scripts, not a picture.
READ = ("JPEG", "PNG", "GIF", "WEBP", "AVIF")
EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}


@dataclass(frozen=True, slots=True)
class Size:
    """A picture in one size, in pixels."""

    width: int
    height: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Remade:
    """A picture as it is served.

    :param sizes: the widest first.
    """

    media_type: str
    sizes: tuple[Size, ...]


def remade(data: bytes) -> Remade:
    """The picture in a file.

    :raises PictureRefused: says why, and the mend.
    """
    image = _opened(data)
    try:
        image.draft(image.mode, (LONGEST_SIDE, LONGEST_SIDE))  # a JPEG is read at half its size
        with warnings.catch_warnings():
            # Of what is broken in its metadata, which is not kept.
            warnings.simplefilter("ignore")
            ImageOps.exif_transpose(image, in_place=True)
        profile = image.info.get("icc_profile")
        plain = _plain(image)
        plain.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
        plain = _in_srgb(plain, profile)
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise PictureRefused(
            Phrase("the picture in this file is damaged: save it anew and upload that")
        ) from error
    plain.info.clear()
    return _written(plain, format=image.format or "")


def _opened(data: bytes) -> Image.Image:
    """The file with its head read, and nothing decoded yet."""
    if not data:
        raise PictureRefused(Phrase("the file is empty: choose another"))
    if len(data) > LARGEST_FILE_BYTES:
        raise PictureRefused(
            Phrase(
                "at most %(most)s MB; this file has %(found)s: save the picture smaller",
                most=LARGEST_FILE_BYTES // 1_000_000,
                found=Tenths(len(data) / 1_000_000),
            )
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(BytesIO(data), formats=READ)
        frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
    except UnidentifiedImageError as error:
        raise PictureRefused(_unreadable(data)) from error
    except Image.DecompressionBombError as error:
        raise PictureRefused(_too_many_pixels()) from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise PictureRefused(
            Phrase("the picture in this file is damaged: save it anew and upload that")
        ) from error
    if image.width * image.height > MOST_PIXELS:
        raise PictureRefused(_too_many_pixels())
    if frames > 1:
        raise PictureRefused(Phrase("this picture moves: save one of its frames as PNG or JPEG"))
    return image


def _unreadable(data: bytes) -> Phrase:
    head = data[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith(b"<") and b"<svg" in head:
        return Phrase("SVG is not taken, as it may hold scripts: save the picture as PNG")
    return Phrase("this is no JPEG, PNG, GIF, WebP or AVIF: save the picture as one of them")


def _too_many_pixels() -> Phrase:
    return Phrase(
        "at most %(most)s million pixels: save the picture smaller", most=MOST_PIXELS // 1_000_000
    )


def _plain(image: Image.Image) -> Image.Image:
    """Its pixels in grey or colour of eight bits each, see-through where they were."""
    if image.mode.startswith("I"):
        # Sixteen bits, which a plain conversion would cut off instead of scaling them.
        return image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        return image.convert("RGBA")
    if image.mode in ("L", "RGB", "CMYK"):
        image.load()
        return image
    return image.convert("L" if image.mode in ("1", "F") else "RGB")


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Its colours as every screen takes them, where the file said otherwise."""
    if profile and len(profile) <= LONGEST_PROFILE:
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        with suppress(ImageCms.PyCMSError, OSError, ValueError):  # it makes no sense
            found = ImageCms.profileToProfile(
                image,
                ImageCms.ImageCmsProfile(BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
                outputMode=mode,
            )
            if found is not None:
                return found
    return image if image.mode in ("L", "RGB", "RGBA") else image.convert("RGB")


def _written(image: Image.Image, *, format: str) -> Remade:
    """In each of its sizes."""
    images = [image]
    if image.width > SMALL_WIDTH:
        height = max(1, round(image.height * SMALL_WIDTH / image.width))
        images.append(image.resize((SMALL_WIDTH, height), Image.Resampling.LANCZOS))
    media_type = {"WEBP": "image/webp", "GIF": "image/png"}.get(format) or _fitting(image, format)
    sizes = (Size(one.width, one.height, _encoded(one, media_type)) for one in images)
    return Remade(media_type, tuple(sizes))


def _fitting(image: Image.Image, format: str) -> str:
    if image.mode == "RGBA":
        return "image/png"
    if format in ("JPEG", "MPO", "AVIF"):
        return "image/jpeg"
    # Drawings stay sharp.
    colours = image.getcolors(MOST_COLOURS)
    return "image/png" if colours is not None else "image/jpeg"


def _encoded(image: Image.Image, media_type: str) -> bytes:
    written = BytesIO()
    if media_type == "image/jpeg":
        image.save(written, "JPEG", quality=84, optimize=True, progressive=True)
    elif media_type == "image/webp":
        image.save(written, "WEBP", quality=84, method=4)
    else:
        image.save(written, "PNG", optimize=True)
    return written.getvalue()


# In a process of its own


def remade_apart(data: bytes) -> Remade:
    """The same, off everybody's way.

    :raises PictureRefused: says why, and the mend.
    """
    if not 0 < len(data) <= LARGEST_FILE_BYTES:
        _opened(data)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "feedsvc.pictures"],
            input=data,
            capture_output=True,
            timeout=MOST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise PictureRefused(_too_costly()) from error
    head, _, bodies = done.stdout.partition(b"\n")
    if done.returncode or not head:
        raise PictureRefused(_too_costly())
    told = json.loads(head)
    if "template" in told:
        raise PictureRefused(said_elsewhere(told["template"], told["values"]))
    return Remade(told["media_type"], _cut(told["sizes"], bodies))


def _too_costly() -> Phrase:
    return Phrase("this picture takes too long or too much memory: save it smaller")


def _cut(sizes: Sequence[tuple[int, int, int]], bodies: bytes) -> tuple[Size, ...]:
    found, start = [], 0
    for width, height, length in sizes:
        found.append(Size(width, height, bodies[start : start + length]))
        start += length
    return tuple(found)


def _stand_back() -> None:
    os.nice(NICENESS)
    with suppress(ImportError, ValueError, OSError):  # not on Windows; not on every system
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))


def _main() -> None:
    """Read a file, write one line of JSON and the bytes of each size behind it."""
    _stand_back()
    bodies: list[bytes] = []
    told: dict[str, object]
    try:
        made = remade(sys.stdin.buffer.read())
        bodies = [one.body for one in made.sizes]
        sizes = [(one.width, one.height, len(one.body)) for one in made.sizes]
        told = {"media_type": made.media_type, "sizes": sizes}
    except PictureRefused as error:
        said = error.said
        template = said.template if isinstance(said, Phrase) else str(said)
        values = dict(said.values) if isinstance(said, Phrase) else {}
        told = {"template": template, "values": values}
    sys.stdout.buffer.write(json.dumps(told).encode() + b"\n")
    for body in bodies:
        sys.stdout.buffer.write(body)


if __name__ == "__main__":
    _main()
