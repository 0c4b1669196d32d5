"""43 prompts as people write them: each of its own, and with what everybody adds to be safe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SHELF = json.loads((Path(__file__).parents[2] / "supabase" / "prompts.json").read_text())["prompts"]
# How it is written, by the number of the prompt. The last is the one that says it by itself.
ENDINGS = (
    "{0}, high quality, no blur, no text unless otherwise specified",
    "{0}. High quality. No text unless otherwise specified.",
    "{0}, no blur,  High Quality",
    "High quality, {0}, no text, unless otherwise specified",
    "{0}; no blur; no watermark",
    "{0},\nno text unless otherwise specified,\nhigh quality",
    "{0}, NO BLUR, and high quality.",
)
AVOIDING = "{0}, low quality, blur"  # what a negative prompt lists is not wanted anyway
PHRASES = ("high quality", "no blur", "no text unless otherwise specified", "Avoid: low quality", "Avoid: blur")


def repeating() -> list[dict[str, Any]]:
    """Return 43 prompts, none of which is always on."""
    return [prompt | {"always": False, "content": _written(number, prompt)} for number, prompt in enumerate(SHELF)]


def _written(number: int, prompt: dict[str, Any]) -> str:
    ending = AVOIDING if prompt["category"] == "negative" else ENDINGS[number % len(ENDINGS)]
    return ending.format(prompt["content"])
