"""One picture: a scene, the words of the prompt under it, and where it was made."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from random import Random

from PIL import Image, ImageDraw, ImageFont

from backend.clients.providers.art.palettes import palette_for
from backend.clients.providers.art.scenes import scene_for

LABEL = "made locally by Scrip"
LONGEST_SIDE = 2048
ENOUGH_PIXELS = 1_200_000  # above this a picture is drawn at its own size: smoother edges would cost seconds


@dataclass(frozen=True)
class Painting:
    """Everything a picture follows from; the same painting gives the same pixels."""

    prompt: str
    seed: int
    width: int
    height: int
    style: str
    format: str


def paint(painting: Painting) -> bytes:
    """Return the encoded picture."""
    width, height = (min(max(side, 16), LONGEST_SIDE) for side in (painting.width, painting.height))
    random = Random(_digest(painting.seed, painting.prompt))  # noqa: S311 - chance for pictures, not for secrets
    colours = palette_for(painting.prompt, random)
    scene = scene_for(painting.style, painting.prompt, random)
    scale = 2 if width * height <= ENOUGH_PIXELS else 1
    image = scene((width * scale, height * scale), colours, random).resize((width, height), Image.Resampling.LANCZOS)
    return _encoded(_captioned(image, painting.prompt), painting.format)


def _digest(seed: int, prompt: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}\n{prompt}".encode()).digest()[:8])


def _encoded(image: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    if kind == "webp":
        image.save(buffer, "WEBP", quality=88, method=3)
    else:
        image.save(buffer, "PNG", compress_level=4)
    return buffer.getvalue()


def _captioned(image: Image.Image, prompt: str) -> Image.Image:
    """Draw the prompt on a dark foot that fades upwards, and the label at the right of it."""
    width, height = image.size
    large, small = max(9, min(width, height) // 24), max(8, min(width, height) // 46)
    foot = round(min(height * 0.42, large * 5.4))
    fading = Image.linear_gradient("L").resize((width, foot)).point([round(value * 0.86) for value in range(256)])
    image.paste((6, 8, 14), (0, height - foot, width, height), fading)
    draw, edge = ImageDraw.Draw(image), max(4, large * 2 // 3)
    label = ImageFont.load_default(small)
    draw.text((width - edge, height - edge), LABEL, font=label, fill=(214, 218, 226), anchor="rs")
    words = ImageFont.load_default(large)
    lines = _lines(_drawable(prompt), words, width - 2 * edge)
    for index, line in enumerate(reversed(lines)):
        draw.text((edge, height - edge - small * 2 - index * large * 1.3), line, font=words, fill="white", anchor="ls")
    return image


def _drawable(prompt: str) -> str:
    """Return the prompt as far as the built-in font has letters for it."""
    return " ".join(
        "".join(letter if letter.isprintable() and ord(letter) < 0x250 else " " for letter in prompt).split()
    )


def _lines(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, room: float) -> list[str]:
    """Break the text into at most two lines that fit; what is left over ends in dots."""
    words, lines = text[:400].split(" "), [""]
    for word in words:
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= room:
            lines[-1] = longer
        elif len(lines) == 2:
            return [lines[0], _cut(longer, font, room)]
        else:
            lines.append(word if font.getlength(word) <= room else _cut(word, font, room))
    return [line for line in lines if line]


def _cut(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, room: float) -> str:
    while text and font.getlength(text + "…") > room:
        text = text[:-1]
    return text.rstrip() + "…"
