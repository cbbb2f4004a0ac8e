"""The icons as PNG, drawn as feedsvc/web/static/icon.svg says: make icons."""

from __future__ import annotations

from PIL import Image, ImageDraw

from tests.service import ROOT

TARGET = ROOT / "feedsvc" / "web" / "static"
BACK, FRONT = "#8a3b12", "#ffffff"
# The drawing's own unit: a 32nd of its side. Drawn larger and made smaller, edges are smooth.
SIDE = 32
OVERSAMPLING = 8


def drawn(width: int, height: int, corner: float, part: float) -> Image.Image:
    """The drawing in the middle of a picture.

    :param corner: radius of the corners, in the drawing's units.
    :param part: how much of the shorter side the drawing takes: a device may cut a maskable
        one to what lies within four fifths of it (Web Application Manifest, "icon masks").
    """
    picture = Image.new("RGBA", (width * OVERSAMPLING, height * OVERSAMPLING))
    pencil = ImageDraw.Draw(picture)
    unit = min(picture.size) / SIDE
    pencil.rounded_rectangle((0, 0, *picture.size), corner * unit, fill=BACK)
    unit *= part
    left, top = ((side - SIDE * unit) / 2 for side in picture.size)

    def dot(x: float, y: float, radius: float) -> None:
        middle_x, middle_y, radius = left + x * unit, top + y * unit, radius * unit
        box = (middle_x - radius, middle_y - radius, middle_x + radius, middle_y + radius)
        pencil.ellipse(box, fill=FRONT)

    for radius in (9, 16):
        # A quarter of a circle round (8, 24), its line 3.2 wide and round at its ends.
        outer = (radius + 1.6) * unit
        middle = left + 8 * unit, top + 24 * unit
        box = (middle[0] - outer, middle[1] - outer, middle[0] + outer, middle[1] + outer)
        pencil.arc(box, 270, 360, fill=FRONT, width=round(3.2 * unit))
        dot(8, 24 - radius, 1.6)
        dot(8 + radius, 24, 1.6)
    dot(9.6, 22.4, 2.4)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


# Width, height, radius of the corners (0: none, and nothing shines through), part.
PICTURES = {
    "icon-192.png": (192, 192, 7, 1),
    "icon-512.png": (512, 512, 7, 1),
    "icon-maskable-512.png": (512, 512, 0, 0.75),
    "apple-touch-icon.png": (180, 180, 0, 0.85),
    # RSS has room for 144 pixels; Atom asks for a logo twice as wide as it is high.
    "feed-logo.png": (144, 144, 7, 1),
    "feed-logo-wide.png": (400, 200, 0, 0.85),
}


def main() -> None:
    """Write them all."""
    for name, (width, height, corner, part) in PICTURES.items():
        picture = drawn(width, height, corner, part)
        opaque = picture if corner else picture.convert("RGB")
        opaque.quantize(64).save(TARGET / name, optimize=True)
    # Where readers look that read no page.
    drawn(48, 48, 7, 1).save(TARGET / "favicon.ico", sizes=[(16, 16), (32, 32), (48, 48)])


if __name__ == "__main__":
    main()
