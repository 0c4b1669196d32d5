"""The few strokes that all scenes are made of."""

from __future__ import annotations

import itertools
from random import Random

from PIL import Image, ImageDraw, ImageFilter

from backend.clients.providers.art.palettes import Colour, blend

Size = tuple[int, int]
Point = tuple[float, float]


def gradient(size: Size, *stops: Colour) -> Image.Image:
    """Return an image that runs through the stops from top to bottom."""
    column = Image.new("RGB", (1, 256))
    for y in range(256):
        place = y / 255 * (len(stops) - 1)
        first = min(int(place), len(stops) - 2)
        column.putpixel((0, y), blend(stops[first], stops[first + 1], place - first))
    return column.resize(size, Image.Resampling.BICUBIC)


def glow(image: Image.Image, centre: Point, radius: float, colour: Colour, strength: float) -> None:
    """Lay a round light over the image that fades out at its radius."""
    side = max(2, round(radius * 2))
    fading = Image.radial_gradient("L").point(
        [round(max(0, 1 - value / 180) ** 2 * 255 * strength) for value in range(256)]
    )
    corner = (round(centre[0] - radius), round(centre[1] - radius))
    image.paste(colour, (*corner, corner[0] + side, corner[1] + side), fading.resize((side, side)))


def disc(image: Image.Image, centre: Point, radius: float, colour: Colour) -> None:
    """Draw a filled circle."""
    box = (centre[0] - radius, centre[1] - radius, centre[0] + radius, centre[1] + radius)
    ImageDraw.Draw(image).ellipse(box, fill=colour)


def ridge(random: Random, width: int, level: float, height: float, roughness: float) -> list[Point]:
    """Return the line of a mountain ridge by midpoint displacement, from the left edge to the right one."""
    line = [random.uniform(-1, 1), random.uniform(-1, 1)]
    reach = 1.0
    for _ in range(9):
        middles = [(a + b) / 2 + random.uniform(-reach, reach) for a, b in itertools.pairwise(line)]
        line = [point for pair in zip(line, middles, strict=False) for point in pair] + [line[-1]]
        reach *= roughness
    low, high = min(line), max(line)
    step = width / (len(line) - 1)
    return [(index * step, level - height * (value - low) / (high - low)) for index, value in enumerate(line)]


def mountain(image: Image.Image, line: list[Point], top: Colour, foot: Colour) -> None:
    """Fill everything under a ridge; the colour fades towards its foot as if there were mist."""
    width, height = image.size
    mask = Image.new("L", image.size)
    ImageDraw.Draw(mask).polygon([(0, height), *line, (width, height)], fill=255)
    summit = max(0, int(min(y for _, y in line)))
    shade = Image.new("RGB", image.size, top)
    shade.paste(gradient((width, max(1, height - summit)), top, blend(top, foot, 0.55), foot), (0, summit))
    image.paste(shade, (0, 0), mask)


def veil(image: Image.Image, layer: Image.Image, blur: float) -> None:
    """Lay a translucent RGBA layer over the image, blurred; colour and transparency apart, or edges would darken."""
    quarter = (max(1, layer.width // 4), max(1, layer.height // 4))
    colour, alpha = (
        part.resize(quarter, Image.Resampling.BOX)
        .filter(ImageFilter.GaussianBlur(blur / 4))
        .resize(image.size, Image.Resampling.BICUBIC)
        for part in (layer.convert("RGB"), layer.getchannel("A"))
    )
    image.paste(colour, (0, 0), alpha)


def clear_layer(size: Size, colour: Colour) -> Image.Image:
    """Return a layer that is fully transparent; its hidden colour keeps blurred edges from darkening."""
    return Image.new("RGBA", size, (*colour, 0))
