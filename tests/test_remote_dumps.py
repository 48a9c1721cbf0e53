"""A dump far away, over HTTP and in S3, becomes the same bytes as the one on this disk."""

import functools
import http.server
import re
import threading
from pathlib import Path

import boto3
import pytest

from biolingual.records import Rejected
from biolingual.tabular import read_json, rows
from tests.test_ingestion import WORLD, Machine, files, run

DUMP = "inaturalist-2026-01"


@pytest.fixture(scope="module")
def dump(tmp_path_factory):
    folder = tmp_path_factory.mktemp("far") / DUMP
    WORLD.write(DUMP, folder, Machine(workers=1))
    return folder


@pytest.fixture(scope="module")
def house(dump, tmp_path_factory):
    out = tmp_path_factory.mktemp("here")
    run(DUMP, dump, out)
    return out


class Server(http.server.ThreadingHTTPServer):
    """Serves a folder and remembers what was asked for; `broken`: answers whose body breaks off, `gone`: those with a 404."""

    def __init__(self, folder):
        self.asked: list[str] = []
        self.broken: set[str] = set()
        self.gone: set[str] = set()
        super().__init__(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))


class Handler(http.server.SimpleHTTPRequestHandler):
    """With ranges, as servers of large files have them."""

    def log_message(self, *words):
        pass

    def do_GET(self):
        self.server.asked.append(self.path)
        if any(name in self.path for name in self.server.gone):
            self.send_error(404)
            return
        cut = {name for name in self.server.broken if name in self.path}
        if cut:
            self.server.broken -= cut
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            self.wfile.write(b"half a sound")
        elif (asked := re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))) and Path(
            path := self.translate_path(self.path)
        ).is_file():
            data = Path(path).read_bytes()
            part = data[int(asked[1]) : int(asked[2]) + 1]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {asked[1]}-{int(asked[1]) + len(part) - 1}/{len(data)}")
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            self.wfile.write(part)
        else:
            super().do_GET()


@pytest.fixture
def server(dump):
    one = Server(dump.parent)
    thread = threading.Thread(target=one.serve_forever)
    thread.start()
    yield one
    one.shutdown()
    thread.join()
    one.server_close()


def address(server) -> str:
    return f"http://127.0.0.1:{server.server_port}/{DUMP}"


def outputs(out, but: tuple[str, ...] = ()) -> dict[str, bytes]:
    return {name: data for name, data in files(out).items() if name.rsplit("/", 1)[-1] not in but}


def test_a_dump_over_http_gives_the_same_bytes(house, server, tmp_path):
    run(DUMP, address(server), tmp_path)
    assert outputs(tmp_path) == outputs(house)


def test_a_dump_in_s3_gives_the_same_bytes(house, dump, s3_bucket, tmp_path):
    client = boto3.client("s3")
    for path in (path for path in dump.rglob("*") if path.is_file()):
        client.upload_file(str(path), s3_bucket.removeprefix("s3://"), f"in/{path.relative_to(dump).as_posix()}")
    run(DUMP, f"{s3_bucket}/in", tmp_path)
    assert outputs(tmp_path) == outputs(house)


def sounds_of(dump) -> list[str]:
    return sorted(path.name for path in (dump / "sounds").iterdir())


def test_a_body_that_breaks_off_is_asked_for_again(house, dump, server, tmp_path, monkeypatch):
    monkeypatch.setattr("biolingual.storage.FIRST_PAUSE_S", 0.01)
    url, name = address(server), sounds_of(dump)[0]
    monkeypatch.setattr("biolingual.ingestion.digest", lambda source: server.broken.add(name) or "sha256:none")
    run(DUMP, url, tmp_path)
    assert not server.broken and outputs(tmp_path, ("ingest.json",)) == outputs(house, ("ingest.json",))


def test_a_sound_that_went_since_the_dump_was_listed_is_a_row(house, dump, server, tmp_path, monkeypatch):
    url, name = address(server), sounds_of(dump)[0]
    monkeypatch.setattr("biolingual.ingestion.digest", lambda source: server.gone.add(name) or "sha256:none")
    counts = run(DUMP, url, tmp_path)
    whole = read_json(house / f"manifests/{DUMP}/ingest.json")
    refused = rows(tmp_path / f"manifests/{DUMP}/rejected.parquet", Rejected)
    assert counts["recordings"] + counts["rejected"] == whole["recordings"] + whole["rejected"]
    assert [one.reason for one in refused if name.split(".")[0].removeprefix("sound-") in one.recording_id] == [
        "audio_missing"
    ]
