"""Outputs are uploaded as the service and signed as the user, and never the other way round."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from backend.errors import AppError, Unavailable
from tests.worker.scripted import PICTURE
from tests.worker.world import User, World


def stored(world: World, user: User, name: str = "1-0.png", data: bytes = PICTURE) -> str:
    path = f"{user.id}/7c9e6679-7425-40de-944b-e07fc1f90ae7/{name}"
    world.deps.storage.upload(path, data, "image/png")
    return path


def test_an_owner_gets_an_address_that_works(world: World) -> None:
    """It is absolute, needs no further key, and serves what was uploaded."""
    user = world.new_user()
    path = stored(world, user)
    address = world.deps.storage.sign([path], user.token, 60)[path]
    answer = httpx.get(address)
    assert address.startswith(f"{world.supabase.url}/storage/v1/object/sign/images/")
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, PICTURE, "image/png")


def test_a_stranger_gets_none(world: World) -> None:
    """The bucket's policy decides, because the request goes out with the stranger's own token."""
    alice, bob = world.new_user(), world.new_user()
    hers, his = stored(world, alice), stored(world, bob)
    assert set(world.deps.storage.sign([hers, his], bob.token, 60)) == {his}


def test_many_addresses_cost_one_request(world: World) -> None:
    """A page of generations is signed at once; a path asked for twice comes once."""
    user = world.new_user()
    paths = [stored(world, user, f"1-{index}.png") for index in range(5)]
    world.supabase.calls.clear()
    assert set(world.deps.storage.sign([*paths, *paths], user.token, 60)) == set(paths)
    assert len(world.supabase.calls) == 1
    assert world.deps.storage.sign([], user.token, 60) == {}
    assert len(world.supabase.calls) == 1


def test_what_is_not_there_is_left_out(world: World) -> None:
    """One missing file does not hide the others."""
    user = world.new_user()
    path = stored(world, user)
    assert set(world.deps.storage.sign([path, f"{user.id}/gone/1-0.png"], user.token, 60)) == {path}


def test_the_same_path_again_replaces_the_file(world: World) -> None:
    """An upload whose answer was lost can be repeated."""
    user = world.new_user()
    path = stored(world, user, data=b"first")
    stored(world, user, data=b"second")
    assert httpx.get(world.deps.storage.sign([path], user.token, 60)[path]).content == b"second"


def test_no_identity_leaks_into_another_call(world: World) -> None:
    """Regression: A3, A4. Sixteen threads sign as different users and upload as the service, on one shared client."""
    users = [world.new_user() for _ in range(8)]

    def sees_only_own(number: int) -> bool:
        user = users[number % 8]
        paths = [stored(world, other, f"{number}-0.png") for other in (user, users[(number + 1) % 8])]
        return set(world.deps.storage.sign(paths, user.token, 60)) == {paths[0]}

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(sees_only_own, range(48)))


def test_an_outage_is_called_one(world: World) -> None:
    """Worth another try, unlike a refusal."""
    user = world.new_user()
    path = stored(world, user)
    with world.supabase.outage("/storage/v1/"):
        with pytest.raises(Unavailable):
            stored(world, user)
        with pytest.raises(Unavailable):
            world.deps.storage.sign([path], user.token, 60)
    unreachable = world.variant(SUPABASE_URL="http://127.0.0.1:9").storage
    with pytest.raises(Unavailable):
        unreachable.upload(path, PICTURE, "image/png")


def test_a_bad_token_signs_nothing(world: World) -> None:
    """A token that nobody issued is refused, not answered with addresses."""
    user = world.new_user()
    path = stored(world, user)
    try:
        assert world.deps.storage.sign([path], user.token[:-8] + "AAAAAAAA", 60) == {}
    except AppError as refusal:
        assert not isinstance(refusal, Unavailable)
