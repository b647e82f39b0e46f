"""What an image does when it is started, without the image."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg
import pytest

from pipelines.images import start
from services.local.databases import ensure_database
from services.local.postgres import PostgresServer


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> None:
    """An image of booking."""
    monkeypatch.setenv("CARESLOT_SERVICE", "booking")


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A service that is alive at /livez and nowhere else."""

    class Alive(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/livez" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Alive)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("CARESLOT_PORT", str(server.server_port))
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.mark.usefixtures("service")
def test_it_migrates_once(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ensure_database(postgres, "image_start", "booking")
    monkeypatch.setenv("CARESLOT_DATABASE_URL", postgres.dsn("booking", "image_start"))
    assert start.main(["migrate"]) == 0
    assert start.main(["migrate"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first != second
    assert second == "booking: 0 migrations applied"
    with psycopg.connect(postgres.dsn("booking", "image_start")) as connection:
        assert connection.execute("SELECT count(*) FROM appointment").fetchone() == (0,)


@pytest.mark.usefixtures("service", "port")
def test_it_says_whether_it_is_alive(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert start.main(["healthy"]) == 0
    monkeypatch.setenv("CARESLOT_PORT", "9")
    assert start.main(["healthy"]) == 1
    assert "http://127.0.0.1:9/livez" in capsys.readouterr().err


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize("words", [[], ["sleep"], ["serve", "now"]])
def test_other_words_are_not_understood(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert start.main(words) == 2
    assert "serve|migrate|healthy" in capsys.readouterr().err
