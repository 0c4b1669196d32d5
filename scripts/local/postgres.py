"""A PostgreSQL server of our own: made, started, stopped, and filled with what a Supabase project has."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

import psycopg
from psycopg import sql

from scripts.local import watchdog
from scripts.local.binaries import find_all_bin_dirs, find_bin_dir, major_version, runnable_bin_dir
from scripts.local.processes import Account, Child, ProcessFailed, free_port, start, unprivileged_account
from scripts.local.secrets import load_password

__all__ = ["Postgres", "find_all_bin_dirs", "find_bin_dir"]

SUPERUSER = "supabase_admin"
LOGIN_ROLES = ("postgres", "authenticator", "supabase_auth_admin", "supabase_storage_admin", "supabase_read_only_user")
PLATFORM = Path(__file__).parent / "platform"
PLATFORM_FILES = ("roles", "schemas", "auth", "storage", "realtime")
START_SECONDS = 60.0

DefaultGrants = Literal["new", "old"]


class Postgres:
    """One cluster. `with Postgres(None) as postgres:` makes a throw-away one that vanishes at the end.

    The folder given holds `cluster/` (PostgreSQL's own files), `password` (of every role that may log in) and
    `postgres.log`. `durable=False` trades safety against a power cut for speed, which is what tests want.
    `settings` are PostgreSQL's own, on top of ours; `parent` is where a throw-away one is made.
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        *,
        bin_dir: Path | None = None,
        port: int = 0,
        durable: bool = False,
        settings: Mapping[str, str] | None = None,
        parent: Path | None = None,
    ) -> None:
        self.account = unprivileged_account()
        self.temporary = data_dir is None
        self.home = _temporary_home(self.account, parent) if data_dir is None else data_dir
        self.cluster = self.home / "cluster"
        self.bin_dir = runnable_bin_dir(bin_dir or self._fitting_bin_dir(), self.account)
        self.port = port
        self.fixed_port = port != 0
        self.durable = durable
        self.settings = dict(settings or {})
        self.password = ""
        self._child: Child | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def child(self) -> Child:
        """The server process."""
        if self._child is None:
            raise RuntimeError("PostgreSQL has not been started")
        return self._child

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """Where to connect, password included."""
        return f"postgresql://{user}:{self.password}@127.0.0.1:{self.port}/{database}?sslmode=disable"

    def start(self) -> Self:
        """Make the cluster if there is none, run the server and wait until it answers."""
        self.home.mkdir(parents=True, exist_ok=True)
        if self.temporary:
            watchdog.tell(f"rm {self.home}")
        self.password = load_password(self.home / "password")
        if not (self.cluster / "PG_VERSION").exists():
            self._initdb()
        for attempts_left in range(4, -1, -1):
            if not self.fixed_port:
                self.port = free_port()
            try:
                return self._run()
            except ProcessFailed as failure:  # another program may have taken the free port in between
                if self.fixed_port or not attempts_left or "Address already in use" not in str(failure):
                    raise
        raise AssertionError("unreachable")

    def stop(self) -> None:
        """Disconnect everybody, write everything down, end; a throw-away cluster is removed."""
        if self._child is not None:
            self._child.stop(grace=20)
        if self.temporary:
            shutil.rmtree(self.home, ignore_errors=True)

    def create_platform(self, database: str, *, default_grants: DefaultGrants = "new") -> None:
        """Make a database look like a Supabase project's, creating it if need be. A second run changes nothing.

        "new" is what projects get since 2026 (nothing is granted by default), "old" what older ones were born with.
        """
        with self._superuser("postgres") as connection:
            if not connection.execute("select 1 from pg_database where datname = %s", [database]).fetchone():
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(database)))
        with self._superuser(database) as connection, connection.transaction():
            for name in (*PLATFORM_FILES, f"default_grants_{default_grants}"):
                _run_file(connection, PLATFORM / f"{name}.sql")
            for role in LOGIN_ROLES:
                statement = sql.SQL("alter role {} password {}").format(
                    sql.Identifier(role), sql.Literal(self.password)
                )
                connection.execute(statement)

    def clone(self, template: str, database: str) -> None:
        """Copy a database that nobody is connected to; milliseconds for a small one."""
        with self._superuser("postgres") as connection:
            statement = sql.SQL("create database {} template {} owner postgres")
            connection.execute(statement.format(sql.Identifier(database), sql.Identifier(template)))

    def drop(self, database: str) -> None:
        """Remove a database, whoever is still connected to it."""
        with self._superuser("postgres") as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(database)))

    def _superuser(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.url(database, SUPERUSER), autocommit=True)

    def _fitting_bin_dir(self) -> Path:
        """Programs of the major version that made the cluster; of the best one for a new cluster."""
        preferred = find_bin_dir()
        version_file = self.cluster / "PG_VERSION"
        if not version_file.exists():
            return preferred
        major = int(version_file.read_text())
        if major_version(preferred) == major:
            return preferred
        bin_dirs = find_all_bin_dirs()
        if major not in bin_dirs:
            raise ProcessFailed(
                f"The data in {self.home} was made by PostgreSQL {major}, which is not here any more. "
                f"Bring it back (PG_BINDIR), or remove {self.home} to start afresh."
            )
        return bin_dirs[major]

    def _initdb(self) -> None:
        """Make the cluster beside its final place and move it there, so that a half-made one is never mistaken."""
        half = self.home / "cluster.new"
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(mode=0o700)
        if self.account:
            os.chown(half, self.account.uid, self.account.gid)
        read_end, write_end = os.pipe()  # the password goes through a pipe: no file to protect from other accounts
        os.write(write_end, self.password.encode())
        os.close(write_end)
        if self.account:
            os.fchown(read_end, self.account.uid, self.account.gid)
        try:
            self._run_initdb(half, password_file=f"/dev/fd/{read_end}", pass_fds=(read_end,))
        finally:
            os.close(read_end)
        half.rename(self.cluster)

    def _run_initdb(self, folder: Path, *, password_file: str, pass_fds: tuple[int, ...]) -> None:
        major = major_version(self.bin_dir) or 0
        locale = (
            ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"] if major >= 17 else ["--no-locale"]
        )
        command = [str(self.bin_dir / "initdb"), "-D", str(folder), "-U", SUPERUSER, "-E", "UTF8", *locale]
        command += ["-A", "scram-sha-256", "--pwfile", password_file]
        command += [] if self.durable else ["--no-sync"]
        result = subprocess.run(
            command,
            env=_clean_environment(),
            cwd="/",
            capture_output=True,
            text=True,
            pass_fds=pass_fds,
            user=self.account.uid if self.account else None,
            group=self.account.gid if self.account else None,
            extra_groups=[] if self.account else None,
        )
        if result.returncode:
            raise ProcessFailed(f"initdb could not make {folder}:\n{result.stdout}{result.stderr}")

    def _run(self) -> Self:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "250",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        settings |= self.settings
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._child = start(
            [str(self.bin_dir / "postgres"), "-D", str(self.cluster), *options],
            name="PostgreSQL",
            log=self.home / "postgres.log",
            env=_clean_environment(),
            cwd="/",
            account=self.account,
            stop_signal=signal.SIGINT,
        )
        self._child.wait_for(self._answers, seconds=START_SECONDS)
        return self

    def _answers(self) -> bool:
        try:
            self._superuser("postgres").close()
        except psycopg.OperationalError:
            return False
        return True


def _temporary_home(account: Account | None, parent: Path | None) -> Path:
    home = Path(tempfile.mkdtemp(prefix="scrip-postgres-", dir=parent))
    if account:
        home.chmod(0o711)  # the server runs as another account and has to pass through
    return home


def _clean_environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _run_file(connection: psycopg.Connection[tuple[object, ...]], path: Path) -> None:
    connection.execute(path.read_text())
