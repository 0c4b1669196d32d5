"""The four kinds of picture. A scene draws on the whole canvas, with colours and chance handed in."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random

from PIL import Image, ImageDraw, ImageOps

from backend.clients.providers.art.brushes import Size, clear_layer, disc, glow, gradient, mountain, ridge, veil
from backend.clients.providers.art.palettes import Palette, blend, words_of

Scene = Callable[[Size, Palette, Random], Image.Image]


def landscape(size: Size, colours: Palette, random: Random) -> Image.Image:
    """Mountains in the mist under a low sun, at times above a lake."""
    width, height = size
    image = gradient(size, colours.middle, colours.light, colours.pale, colours.pale)
    sun = (width * random.uniform(0.2, 0.8), height * random.uniform(0.2, 0.42))
    reach = min(size)
    glow(image, sun, reach * 0.85, colours.pale, 0.9)
    disc(image, sun, reach * random.uniform(0.05, 0.085), blend((255, 238, 196), colours.pale, 0.35))
    _clouds(image, colours, random)
    _mountains(image, random, far=blend(colours.light, colours.middle, 0.45), near=colours.deep, mist=colours.pale)
    if random.random() < 0.5:
        _lake(image, colours)
    return image


def night(size: Size, colours: Palette, random: Random) -> Image.Image:
    """Stars, a moon and northern lights over dark hills."""
    width, height = size
    black = blend(colours.deep, (4, 6, 18), 0.55)
    image = gradient(size, black, colours.deep, blend(colours.dark, colours.middle, 0.35))
    _stars(image, random)
    _northern_lights(image, colours, random)
    moon = (width * random.uniform(0.15, 0.85), height * random.uniform(0.14, 0.34))
    glow(image, moon, min(size) * 0.42, colours.pale, 0.55)
    disc(image, moon, min(size) * 0.055, blend(colours.pale, (255, 255, 255), 0.5))
    _mountains(
        image,
        random,
        far=blend(colours.dark, colours.middle, 0.2),
        near=blend(black, (0, 0, 0), 0.3),
        mist=colours.dark,
    )
    _lake(image, colours)
    return image


def abstract(size: Size, colours: Palette, random: Random) -> Image.Image:
    """Soft clouds of colour with ribbons flowing over them."""
    width, height = size
    image = gradient(size, colours.dark, colours.middle, colours.light)
    shades = (colours.accent, colours.pale, colours.middle, colours.deep, colours.light)
    layer = clear_layer(size, colours.middle)
    draw = ImageDraw.Draw(layer)
    for index in range(9):
        x, y, reach = random.uniform(0, width), random.uniform(0, height), min(size) * random.uniform(0.16, 0.4)
        draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=(*shades[index % 5], random.randint(120, 215)))
    veil(image, layer, min(size) * 0.075)
    _ribbons(image, colours, random)
    return image


def geometric(size: Size, colours: Palette, random: Random) -> Image.Image:
    """A quilt of quarter circles, discs and triangles."""
    width, height = size
    side = math.ceil(max(size) / random.choice((5, 6, 7)))
    image = Image.new("RGB", size, colours.pale)
    draw = ImageDraw.Draw(image)
    shades = (colours.deep, colours.dark, colours.middle, colours.light, colours.pale, colours.accent)
    for x in range(0, width, side):
        for y in range(0, height, side):
            ground, figure = random.sample(shades, 2)
            draw.rectangle((x, y, x + side, y + side), fill=ground)
            random.choice(_FIGURES)(draw, x, y, side, random, figure)
    return image


def _mountains(
    image: Image.Image,
    random: Random,
    *,
    far: tuple[int, int, int],
    near: tuple[int, int, int],
    mist: tuple[int, int, int],
) -> None:
    width, height = image.size
    for layer in range(5):
        nearness = layer / 4
        level = height * (0.60 + 0.36 * nearness)
        line = ridge(random, width, level, height * (0.24 - 0.11 * nearness), 0.48 + 0.08 * random.random())
        colour = blend(far, near, nearness)
        mountain(image, line, colour, blend(colour, mist, 0.75 * (1 - nearness)))


def _lake(image: Image.Image, colours: Palette) -> None:
    """Turn the lower part into water: the upper part upside down, darker, in ripples."""
    width, height = image.size
    shore = round(height * 0.74)
    depth = height - shore
    mirrored = ImageOps.flip(image.crop((0, shore - depth, width, shore)))
    water = Image.blend(mirrored, gradient((width, depth), colours.middle, colours.deep), 0.42)
    image.paste(water, (0, shore))  # what the ripples leave free at the edges
    for y in range(depth):
        shift = round(math.sin(y * 0.9 + (y / depth) ** 2 * 18) * width * 0.004 * (0.3 + y / depth))
        image.paste(water.crop((0, y, width, y + 1)), (shift, shore + y))


def _clouds(image: Image.Image, colours: Palette, random: Random) -> None:
    width, height = image.size
    layer = clear_layer(image.size, colours.pale)
    draw = ImageDraw.Draw(layer)
    for _ in range(14):
        x, y = random.uniform(-0.1, 1) * width, random.uniform(0.06, 0.5) * height
        long, thick = width * random.uniform(0.12, 0.42), height * random.uniform(0.008, 0.03)
        draw.ellipse(
            (x, y, x + long, y + thick), fill=(*blend(colours.pale, (255, 255, 255), 0.5), random.randint(70, 150))
        )
    veil(image, layer, height * 0.012)


def _stars(image: Image.Image, random: Random) -> None:
    width, height = image.size
    draw = ImageDraw.Draw(image)
    for _ in range(260):
        x, y, reach = (
            random.uniform(0, width),
            random.uniform(0, height * 0.72),
            min(width, height) * random.choice((0.0008, 0.0012, 0.0012, 0.0024)),
        )
        grey = random.randint(150, 255)
        draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=(grey, grey, 255))


def _northern_lights(image: Image.Image, colours: Palette, random: Random) -> None:
    width, height = image.size
    for colour in (colours.accent, colours.light):
        layer = clear_layer(image.size, colour)
        draw = ImageDraw.Draw(layer)
        base, phase, waves = random.uniform(0.3, 0.5), random.uniform(0, 6.3), random.uniform(1.2, 2.6)
        for step in range(72):
            x = width * step / 72
            foot = height * (base + 0.07 * math.sin(phase + waves * step / 11))
            tall = height * (0.16 + 0.10 * math.sin(phase * 2 + step / 5))
            draw.rectangle(
                (x, foot - tall, x + width / 66, foot), fill=(*colour, round(66 + 46 * math.sin(step / 3 + phase)))
            )
        veil(image, layer, height * 0.03)


def _ribbons(image: Image.Image, colours: Palette, random: Random) -> None:
    width, height = image.size
    layer = clear_layer(image.size, colours.pale)
    draw = ImageDraw.Draw(layer)
    start, bend, phase = random.uniform(0.25, 0.75), random.uniform(0.07, 0.2), random.uniform(0, 6.3)
    for strand in range(34):
        share = strand / 33
        line = [
            (
                width * t / 60,
                height
                * (start + (share - 0.5) * 0.5 + bend * math.sin(phase + t / 11 + share * 2.6) * (1 - 0.5 * share)),
            )
            for t in range(-2, 63)
        ]
        colour = blend(colours.pale, colours.accent, share)
        draw.line(
            line,
            fill=(*colour, round(60 + 130 * (1 - abs(share - 0.5) * 2))),
            width=max(1, round(min(image.size) / 420)),
            joint="curve",
        )
    image.paste(layer.convert("RGB"), (0, 0), layer.getchannel("A"))


Figure = Callable[[ImageDraw.ImageDraw, int, int, int, Random, tuple[int, int, int]], None]


def _quarter(
    draw: ImageDraw.ImageDraw, x: int, y: int, side: int, random: Random, colour: tuple[int, int, int]
) -> None:
    turn = random.randrange(4)
    left, top = x - side * (turn in (1, 2)), y - side * (turn in (2, 3))
    draw.pieslice((left, top, left + 2 * side, top + 2 * side), 180 + 90 * turn, 270 + 90 * turn, fill=colour)


def _circle(draw: ImageDraw.ImageDraw, x: int, y: int, side: int, random: Random, colour: tuple[int, int, int]) -> None:
    gap = side * random.choice((0.08, 0.2, 0.3))
    draw.ellipse((x + gap, y + gap, x + side - gap, y + side - gap), fill=colour)


def _triangle(
    draw: ImageDraw.ImageDraw, x: int, y: int, side: int, random: Random, colour: tuple[int, int, int]
) -> None:
    corners = [(x, y), (x + side, y), (x + side, y + side), (x, y + side)]
    corners.pop(random.randrange(4))
    draw.polygon(corners, fill=colour)


def _stripes(
    draw: ImageDraw.ImageDraw, x: int, y: int, side: int, random: Random, colour: tuple[int, int, int]
) -> None:
    for index in range(0, 6, 2):
        draw.rectangle((x, y + side * index / 6, x + side, y + side * (index + 1) / 6), fill=colour)


_FIGURES: tuple[Figure, ...] = (_quarter, _quarter, _quarter, _circle, _triangle, _stripes)

SCENES: dict[str, Scene] = {"landscape": landscape, "night": night, "abstract": abstract, "geometric": geometric}
_AT_NIGHT = {"night", "moon", "star", "stars", "galaxy", "aurora", "midnight", "dark", "space"}
_PATTERNS = {"pattern", "geometric", "tiles", "bauhaus", "quilt", "mosaic", "logo"}
_OUTSIDE = {
    "mountain",
    "mountains",
    "lake",
    "sea",
    "ocean",
    "forest",
    "sunset",
    "sunrise",
    "river",
    "sky",
    "desert",
    "hill",
    "valley",
    "view",
}


def scene_for(style: str, prompt: str, random: Random) -> Scene:
    """Return the scene asked for; `auto` chooses by the words of the prompt, or by chance."""
    words = set(words_of(prompt))
    if style in SCENES:
        return SCENES[style]
    for name, signs in (("night", _AT_NIGHT), ("geometric", _PATTERNS), ("landscape", _OUTSIDE)):
        if words & signs:
            return SCENES[name]
    return SCENES[random.choice(("landscape", "abstract", "geometric", "night"))]
