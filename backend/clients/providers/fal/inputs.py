"""Our parameters in fal's words. What a model takes at all is decided by its params_schema; here it is only renamed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.clients.providers.base import Work

Names = Mapping[str, str | None]

USUAL: Names = {"image": "image_url", "seconds": "duration", "format": "output_format"}
# How families of models differ, by the beginning of their path over there; None leaves a parameter out.
FAMILIES: Mapping[str, Names] = {
    "fal-ai/fast-sdxl": {"format": "format"},
    "fal-ai/recraft/upscale": {"prompt": None},
    "fal-ai/minimax/speech": {"prompt": "text"},
}


def model_path(work: Work) -> str:
    """Return the model's path at fal, such as fal-ai/flux/schnell."""
    return work.provider_model or work.model.removeprefix("fal/")


def model_input(work: Work) -> dict[str, Any]:
    """Return what fal's model is given for this work; width and height together become image_size."""
    path = model_path(work)
    own: Names = next((names for start, names in FAMILIES.items() if path.startswith(start)), {})
    given = {"prompt": work.prompt, **work.params}
    if {"width", "height"} <= given.keys():
        given["image_size"] = {"width": given.pop("width"), "height": given.pop("height")}
    named = {own.get(name, USUAL.get(name, name)): value for name, value in given.items()}
    return {name: value for name, value in named.items() if name is not None}
