"""Every package that is installed has one version: those that we ask for, and those that they ask for."""

from __future__ import annotations

from importlib import metadata

from scripts.local.venv import REQUIREMENTS
from tests.requirements import ROOT, asked, needed, plain

ASKED = [name for name in REQUIREMENTS if name.startswith("requirements")]


def pinned() -> dict[str, str]:
    """Return the versions of constraints.txt that count for this Python and platform."""
    lines = [one for one in asked("constraints.txt") if not one.marker or one.marker.evaluate()]
    pins = {plain(one.name): str(one.specifier).removeprefix("==") for one in lines}
    assert len(pins) == len(lines), "one version of each"
    return pins


def test_what_is_asked_for_is_pinned_to_a_version_that_fits() -> None:
    """requirements*.txt and constraints.txt were changed together."""
    wanted = [one for file in ASKED for one in asked(file) if not one.marker or one.marker.evaluate()]
    pins = pinned()
    assert [str(one) for one in wanted if not one.specifier.contains(pins.get(plain(one.name), "0"))] == []


def test_all_that_packages_need_in_turn_is_pinned_and_installed_so() -> None:
    """What would come in whichever version is newest on the day of a deploy."""
    pins, installed = pinned(), {name: metadata.version(name) for name in needed(*ASKED)}
    assert {name: version for name, version in installed.items() if pins.get(name) != version} == {}


def test_every_file_of_requirements_keeps_to_the_versions() -> None:
    """Also for whoever installs one of them by hand; and constraints.txt names no place to install from."""
    for file in ASKED:
        text = (ROOT / file).read_text()
        assert "-c constraints.txt\n" in text or "-r requirements.txt\n" in text, file
    assert "://" not in (ROOT / "constraints.txt").read_text()
