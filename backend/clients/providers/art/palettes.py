"""Colours that follow from the words of a prompt."""

from __future__ import annotations

import colorsys
import re
from dataclasses import dataclass
from random import Random

Colour = tuple[int, int, int]

# Word stem -> hue in degrees. The first of them that the prompt has sets the key of the picture.
HUES = {
    "sunset": 18, "sunrise": 28, "fire": 12, "autumn": 26, "desert": 34, "gold": 44, "sand": 40, "lion": 36,
    "forest": 140, "jungle": 130, "tree": 120, "garden": 110, "spring": 95, "grass": 100, "mountain": 215,
    "sea": 200, "ocean": 204, "lake": 196, "river": 190, "rain": 210, "ice": 190, "snow": 205, "winter": 208,
    "sky": 206, "night": 238, "moon": 230, "star": 246, "space": 262, "galaxy": 270, "city": 226, "neon": 300,
    "lavender": 266, "violet": 272, "purple": 278, "dream": 286, "rose": 338, "flower": 330, "pink": 332,
    "love": 350, "red": 4, "blue": 214, "green": 135, "orange": 28, "yellow": 50, "teal": 176, "copper": 22,
}  # fmt: skip


@dataclass(frozen=True)
class Palette:
    """Five colours from dark to light, and one that stands out."""

    deep: Colour
    dark: Colour
    middle: Colour
    light: Colour
    pale: Colour
    accent: Colour


def words_of(prompt: str) -> list[str]:
    """Return the words of a prompt, lower-case."""
    return re.findall(r"[a-z]+", prompt.lower())


def palette_for(prompt: str, random: Random) -> Palette:
    """Return colours around the hue that the prompt names, or around one by chance."""
    words = set(words_of(prompt))
    found = [hue for stem, hue in HUES.items() if words & {stem, f"{stem}s", f"{stem}y"}]
    hue = (found[0] + random.uniform(-8, 8)) if found else random.uniform(0, 360)
    drift = random.choice((-1, 1)) * random.uniform(18, 46)
    return Palette(
        deep=_colour(hue + drift, 0.62, 0.16),
        dark=_colour(hue + drift * 0.7, 0.58, 0.34),
        middle=_colour(hue, 0.60, 0.62),
        light=_colour(hue - drift * 0.5, 0.46, 0.86),
        pale=_colour(hue - drift, 0.20, 0.97),
        accent=_colour(hue + 180 + drift * 0.5, 0.66, 0.98),
    )


def blend(first: Colour, second: Colour, share: float) -> Colour:
    """Return the colour that lies `share` of the way from the first to the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _colour(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb((hue % 360) / 360, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)
