"""The ports of the stack: the usual ones, the next free one, or a clear refusal."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from scripts.local import ports
from scripts.local.processes import free_port


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_taken_usual_port_gives_the_next_free_one_and_says_so(
    taken_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ports.DEFAULTS, "web", taken_port)
    told: list[str] = []
    chosen = ports.choose({}, told.append)
    assert chosen.web > taken_port
    assert f"port {taken_port} is in use, so the API listens on {chosen.web}" in told


def test_a_taken_port_that_was_asked_for_is_an_error(taken_port: int) -> None:
    with pytest.raises(ports.PortTaken, match=rf"Port {taken_port}, which you asked for the API.*--web-port"):
        ports.choose({"web": taken_port}, lambda line: None)


def test_a_port_asked_for_is_not_given_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    free = free_port()
    monkeypatch.setitem(ports.DEFAULTS, "web", free)
    chosen = ports.choose({"redis": free}, lambda line: None)
    assert chosen.redis == free
    assert chosen.web != free


def test_ports_come_from_the_environment() -> None:
    assert ports.from_environment({"SCRIP_WEB_PORT": "8080", "OTHER": "1"}) == {"web": 8080}


@pytest.mark.parametrize("nonsense", ["abc", "0", "70000", "-1"])
def test_a_port_that_is_none_is_refused_by_name(nonsense: str) -> None:
    with pytest.raises(ports.PortTaken, match="SCRIP_WEB_PORT"):
        ports.from_environment({"SCRIP_WEB_PORT": nonsense})


def test_all_ports_of_a_stack_differ() -> None:
    chosen = ports.choose_any()
    assert len(set(vars(chosen).values())) == len(ports.DEFAULTS)
