"""The way of an RPC over the wire: whatever a gateway does with a connection is an answer or an error of httpx."""

from __future__ import annotations

import gzip
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from backend.errors import Unavailable
from backend.rpc.client import Rpc
from backend.rpc.transport import Transport
from tests.web.conftest import NOWHERE, settings_for

WHOLE = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\n"ok"'
GZIP = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 22\r\n\r\n" + gzip.compress(b"{}", mtime=0)
CLOSE = b""
Script = list[list[bytes]]


class Wire:
    """A server that says on each connection, per request, exactly these bytes; CLOSE hangs up."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.script: Script = []
        self.requests: list[bytes] = []
        self.connections, self._tls = 0, tls
        self.pause = 0.0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                taken, _ = self._server.accept()
                opened = self._tls.wrap_socket(taken, server_side=True) if self._tls else taken
            except ssl.SSLError:
                continue
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(opened,), daemon=True).start()

    def _talk(self, opened: socket.socket) -> None:
        while request := self._request(opened):
            self.requests.append(request)
            for piece in self.script.pop(0) if self.script else [WHOLE]:
                time.sleep(self.pause)
                if piece == CLOSE:
                    opened.close()
                    return
                opened.sendall(piece)

    def _request(self, opened: socket.socket) -> bytes:
        got = b""
        try:
            while b"\r\n\r\n" not in got:
                got += (received := opened.recv(65_536))
                if not received:
                    return b""
            head, _, body = got.partition(b"\r\n\r\n")
            lengths = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            while len(body) < int(*lengths):
                body += opened.recv(65_536)
        except OSError:
            return b""
        return head + b"\r\n\r\n" + body


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A server that says what the test wants."""
    made = Wire()
    yield made
    made.close()


@pytest.fixture
def ask(wire: Wire) -> Callable[..., httpx.Response]:
    """Post over the transport under test; an answer comes within half a second or never."""
    client = httpx.Client(transport=Transport(wire.url, ssl.create_default_context()), timeout=0.5)
    return lambda body=b"{}", **headers: client.post(f"{wire.url}/rpc/f?a=%20b", content=body, headers=headers)


def test_a_request_goes_out_whole_and_its_answer_comes_back(wire: Wire, ask: Callable[..., httpx.Response]) -> None:
    """Target, headers, body; status, headers, body."""
    answer = ask(b'{"p_x":"\xc3\xa4"}', authorization="Bearer t")
    assert (answer.status_code, answer.json(), answer.headers["content-type"]) == (200, "ok", "application/json")
    head, _, body = wire.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /rpc/f?a=%20b HTTP/1.1\r\n")
    assert {b"authorization: Bearer t", b"Content-Length: 12", b"Host: " + wire.url[7:].encode()} <= set(
        head.split(b"\r\n")
    )
    assert body == b'{"p_x":"\xc3\xa4"}'


@pytest.mark.parametrize(
    ("pieces", "status", "text"),
    [
        ([bytes([one]) for one in WHOLE], 200, '"ok"'),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[1\r\n", b"1\r\n]\r\n0\r\n\r\n"], 200, "[1]"),
        ([b"HTTP/1.1 204 No Content\r\n\r\n"], 204, ""),
        ([b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + WHOLE], 200, '"ok"'),
        ([b"HTTP/1.1 100 Continue\r\n\r\n", WHOLE], 200, '"ok"'),
        ([b"HTTP/1.0 502 Bad Gateway\r\n\r\n<html>", CLOSE], 502, "<html>"),
        (
            [
                b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 22\r\n\r\n"
                + gzip.compress(b"{}", mtime=0)
            ],
            200,
            "{}",
        ),
    ],
    ids=["byte by byte", "chunked", "no content", "early hints", "continue", "until closed", "gzip"],
)
def test_an_answer_may_come_in_any_form(
    wire: Wire, ask: Callable[..., httpx.Response], pieces: list[bytes], status: int, text: str
) -> None:
    """What HTTP/1.1 allows is read; what came before the answer is not part of it."""
    wire.script = [pieces]
    answer = ask()
    assert (answer.status_code, answer.text, "link" in answer.headers) == (status, text, False)
    assert ask().text == '"ok"'


@pytest.mark.parametrize(
    ("pieces", "error"),
    [
        ([CLOSE], httpx.RemoteProtocolError),
        ([WHOLE[:20], CLOSE], httpx.RemoteProtocolError),
        ([WHOLE[:-2], CLOSE], httpx.RemoteProtocolError),
        ([b"SSH-2.0-OpenSSH_9.6\r\n"], httpx.RemoteProtocolError),
        ([b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"], httpx.RemoteProtocolError),
        ([WHOLE + WHOLE], httpx.RemoteProtocolError),
        ([WHOLE[:-2]], httpx.ReadTimeout),
        ([], httpx.ReadTimeout),
    ],
    ids=["hangs up", "hangs up in the head", "hangs up in the body", "no HTTP", "upgrade", "two", "stalls", "silent"],
)
def test_what_is_no_answer_is_an_error_and_the_connection_is_not_used_again(
    wire: Wire, ask: Callable[..., httpx.Response], pieces: list[bytes], error: type[Exception]
) -> None:
    """So that nobody reads the rest of somebody else's answer."""
    wire.script = [pieces]
    with pytest.raises(error):
        ask()
    assert ask().text == '"ok"'
    assert wire.connections == 2


def test_a_connection_is_used_again(wire: Wire, ask: Callable[..., httpx.Response]) -> None:
    """One after the other needs one."""
    assert {ask().text for _ in range(5)} == {'"ok"'}
    assert (wire.connections, len(wire.requests)) == (1, 5)


@pytest.mark.parametrize(
    "pieces",
    [
        [WHOLE, CLOSE],
        [WHOLE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")],
        [WHOLE, b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"],
    ],
    ids=["closed behind our back", "closed with notice", "something nobody asked for"],
)
def test_a_kept_connection_that_is_over_is_left_alone(
    wire: Wire, ask: Callable[..., httpx.Response], pieces: list[bytes]
) -> None:
    """The next request goes over another one, and goes once."""
    wire.script, wire.pause = [pieces], 0.05
    assert ask().text == '"ok"'
    time.sleep(0.2)
    assert ask().status_code == 200
    assert (wire.connections, len(wire.requests)) == (2, 2)


def test_threads_share_connections_but_never_one_at_a_time(wire: Wire) -> None:
    """Everybody gets his own answer, over no more connections than threads."""
    rpc = Rpc(settings_for(wire.url))
    wire.script = [[WHOLE.replace(b'"ok"', b"%4d" % number)] for number in range(200)]
    with ThreadPoolExecutor(8) as pool:
        found = sorted(pool.map(lambda _: rpc.as_anon().call("f"), range(200)))
    assert (found, wire.connections <= 8) == ([*range(200)], True)


def test_a_proxy_of_the_environment_is_asked(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the platform is only reached through one, by httpx's own transport."""
    monkeypatch.setenv("HTTPS_PROXY", wire.url)
    wire.script = [[b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"]]
    with pytest.raises(Unavailable):
        Rpc(settings_for("https://platform.example", APP_ENV="production", TESTING_MODE="0")).as_anon().call("f")
    assert wire.requests[0].startswith(b"CONNECT platform.example:443 HTTP/1.1\r\n")


def test_nobody_there_is_a_connect_error() -> None:
    """At once."""
    transport = Transport(NOWHERE, ssl.create_default_context())
    with httpx.Client(transport=transport) as client, pytest.raises(httpx.ConnectError):
        client.post(NOWHERE)


@pytest.mark.parametrize("value", ["a\r\nX-Admin: 1", "a\nb"])
def test_a_header_is_one_line(wire: Wire, ask: Callable[..., httpx.Response], value: str) -> None:
    """Whatever comes from outside can't add another one."""
    with pytest.raises(httpx.LocalProtocolError):
        ask(authorization=value)
    assert wire.requests == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 with its key."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now, here = datetime.now(UTC), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(hours=1))
    signed = made.add_extension(x509.SubjectAlternativeName([here]), critical=False).sign(key, SHA256())
    kind, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(key.private_bytes(kind, form, serialization.NoEncryption()) + signed.public_bytes(kind))
    return path


def test_tls_is_spoken_with_whom_we_trust_alone(certificate: Path) -> None:
    """A certificate that nobody vouches for, or one for another name, ends the connection before a token is sent."""
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(certificate)
    wire, trusting = Wire(theirs), ssl.create_default_context(cafile=str(certificate))
    elsewhere = wire.url.replace("127.0.0.1", "localhost")
    for url, context in ((wire.url, ssl.create_default_context()), (elsewhere, trusting)):
        with httpx.Client(transport=Transport(url, context)) as client, pytest.raises(httpx.ConnectError):
            client.post(url, content=b"{}")
    assert (wire.connections, wire.requests) == (0, [])
    with httpx.Client(transport=Transport(wire.url, trusting)) as client:
        assert [client.post(wire.url, content=b"{}").json() for _ in range(3)] == ["ok"] * 3
    assert (wire.connections, len(wire.requests)) == (1, 3)
    wire.close()
