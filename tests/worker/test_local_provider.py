"""The local provider really draws, always the same for the same request, and fails, flakes and dawdles as told."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
from typing import Any

import pytest
from PIL import Image

from backend.clients.providers.base import ProviderError, Work
from backend.clients.providers.local import LocalProvider

GENERATION = "3c1d7c5e-0f5c-4f0e-9a51-5a8d3d1f2b6a"
PROVIDER = LocalProvider()


def work(model: str = "local/picture", *, prompt: str = "a red fox by a lake", attempt: int = 1, **params: Any) -> Work:
    return Work(GENERATION, attempt, model, prompt, params)


def draw(asked: Work) -> tuple[bytes, ...]:
    return PROVIDER.fetch(asked, PROVIDER.submit(asked)).files


def test_a_prompt_becomes_one_picture() -> None:
    """The ordinary case: 768 x 768 PNG without any params."""
    (data,) = draw(work())
    with Image.open(io.BytesIO(data)) as picture:
        assert (picture.format, picture.size) == ("PNG", (768, 768))
        assert len(picture.resize((16, 16)).getcolors() or []) > 20  # drawn on, not filled


@pytest.mark.parametrize("style", ["auto", "landscape", "abstract", "geometric", "night"])
@pytest.mark.parametrize(
    ("width", "height", "format"), [(64, 64, "png"), (512, 320, "webp"), (104, 896, "png"), (1536, 1024, "webp")]
)
def test_every_style_comes_in_every_size_and_format(style: str, width: int, height: int, format: str) -> None:
    """What the params ask for is what the file is."""
    (data,) = draw(work(style=style, width=width, height=height, format=format))
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        assert (picture.format, picture.size) == (format.upper(), (width, height))


def test_styles_differ() -> None:
    """Four styles, four pictures."""
    files = {
        draw(work(style=style, width=128, height=128)) for style in ("landscape", "abstract", "geometric", "night")
    }
    assert len(files) == 4


def test_the_same_prompt_and_seed_give_the_same_picture_in_another_process() -> None:
    """Neither the clock, nor the process, nor Python's hash seed has a say."""
    asked = work(seed=7, width=256, height=256)
    (here,) = draw(asked)
    script = (
        "import hashlib; from backend.clients.providers.local import LocalProvider as P;"
        "from backend.clients.providers.base import Work;"
        f"p = P(); w = {asked!r};"
        "print(hashlib.sha256(p.fetch(w, p.submit(w)).files[0]).hexdigest())"
    )
    there = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()
    assert hashlib.sha256(here).hexdigest() == there


def test_seed_prompt_and_place_in_the_request_each_change_the_picture() -> None:
    """Four pictures of one request, another seed, another prompt: all different."""
    small = {"width": 128, "height": 128, "style": "abstract"}
    files = [
        *draw(work(seed=1, num_images=4, **small)),
        *draw(work(seed=100, **small)),
        *draw(work(seed=1, prompt="a blue whale", **small)),
    ]
    assert len(set(files)) == 6


def test_without_a_seed_every_attempt_draws_the_same() -> None:
    """The seed then comes from the generation, so a retry gives what the first attempt would have given."""
    assert draw(work(attempt=1, width=128, height=128)) == draw(work(attempt=2, width=128, height=128))


@pytest.mark.parametrize("prompt", ["狐狸在湖边", "🦊" * 40, "x" * 2000, "line\nbreak\ttab\x00nul", "«déjà vu»", "   "])
def test_any_prompt_can_be_drawn(prompt: str) -> None:
    """Letters that the built-in font lacks are left out of the caption; they still decide the picture."""
    assert draw(work(prompt=prompt, width=96, height=96))


def test_always_fails_fails_for_good_with_the_code_asked_for() -> None:
    """Not retryable, so the credits go back at once."""
    asked = work("local/always-fails", code="content_refused")
    with pytest.raises(ProviderError) as caught:
        PROVIDER.poll(asked, PROVIDER.submit(asked))
    assert (caught.value.code, caught.value.retryable) == ("content_refused", False)


def test_flaky_fails_as_often_as_asked_and_then_draws() -> None:
    """Two failures that may be tried again, then a picture."""
    for attempt in (1, 2):
        asked = work("local/flaky", attempt=attempt, fail_times=2)
        with pytest.raises(ProviderError) as caught:
            PROVIDER.poll(asked, PROVIDER.submit(asked))
        assert caught.value.retryable
    third = work("local/flaky", attempt=3, fail_times=2)
    assert PROVIDER.poll(third, PROVIDER.submit(third)).done


def test_slow_tells_how_far_it_is_and_another_process_can_go_on_with_it() -> None:
    """The request id alone says since when it has been running."""
    asked = work("local/slow", seconds=4)
    now_id = PROVIDER.submit(asked)
    name, attempt, started = now_id.rsplit(":", 2)
    begun = f"{name}:{attempt}:{int(started) - 2000}"
    assert PROVIDER.poll(asked, now_id).fraction == pytest.approx(0, abs=0.1)
    half = LocalProvider().poll(work("local/slow", attempt=2, seconds=4), begun)
    assert not half.done
    assert half.fraction == pytest.approx(0.5, abs=0.1)
    assert PROVIDER.poll(asked, f"{name}:{attempt}:{int(started) - 4000}").done


def test_an_unknown_request_may_be_asked_for_anew() -> None:
    """A request id that means nothing here is no reason to give up on the generation."""
    with pytest.raises(ProviderError) as caught:
        PROVIDER.fetch(work(), "nonsense")
    assert caught.value.retryable


def test_an_unknown_model_is_refused() -> None:
    """A row that names a model nobody knows here fails, without a retry."""
    with pytest.raises(ProviderError) as caught:
        PROVIDER.submit(work("local/poem"))
    assert not caught.value.retryable
