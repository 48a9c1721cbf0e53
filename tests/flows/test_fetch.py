"""Asking archives over HTTP: a real server on this machine, and no key in anything that is said or kept."""

import base64
import http.server
import json
import shlex
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows import watch
from flows.fetch import refresh, shown
from flows.watch import Source

TODAY = datetime.now(UTC).date().isoformat()
SECRET = "s3cr3t"


class Archive:
    """What the server answers, and what it was asked."""

    def __init__(self):
        self.body = b"PK" + bytes(3000)
        self.status = 200
        self.etag = '"1"'
        self.cut_to: int | None = None  # bytes sent of the declared length
        self.chunked = False
        self.asked: list[tuple[str, dict]] = []


@pytest.fixture
def archive():
    """(what it answers, its address)"""
    state = Archive()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            state.asked.append((self.path, dict(self.headers)))
            if state.etag and self.headers.get("If-None-Match") == state.etag:
                self.send_response(304)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(state.status)
            if state.etag:
                self.send_header("ETag", state.etag)
                self.send_header("Last-Modified", "Sat, 21 Nov 2026 00:00:00 GMT")
            if state.chunked:
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.wfile.write(b"%x\r\n" % len(state.body) + state.body[: state.cut_to])
            else:
                self.send_header("Content-Length", str(len(state.body)))
                self.end_headers()
                self.wfile.write(state.body[: state.cut_to])
            self.close_connection = True

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield state, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def source(url: str, location: Path, kind: str = "http", harvest: str = "") -> Source:
    return Source("inat", kind, str(location), "real", "", "", 0.0, url=url, count="numRecordings", harvest=harvest)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


# a published snapshot


def test_the_first_fetch_lands_whole_under_the_archives_name_and_the_day(archive, tmp_path):
    state, url = archive
    assert refresh(source(f"{url}/dwca.zip", tmp_path / "in"), {}) == []
    assert files(tmp_path / "in") == [f"inat-{TODAY}.zip"]
    assert (tmp_path / "in" / f"inat-{TODAY}.zip").read_bytes() == state.body


def test_a_snapshot_that_has_not_changed_is_not_fetched_again(archive, tmp_path):
    state, url = archive
    told = {}
    refresh(source(f"{url}/dwca.zip", tmp_path / "in"), told)
    (tmp_path / "in" / f"inat-{TODAY}.zip").unlink()
    assert refresh(source(f"{url}/dwca.zip", tmp_path / "in"), json.loads(json.dumps(told))) == []
    assert state.asked[1][1]["If-None-Match"] == '"1"' and "If-Modified-Since" in state.asked[1][1]
    assert files(tmp_path / "in") == []


def test_a_snapshot_that_changed_on_the_same_day_leaves_the_first_as_it_is(archive, tmp_path):
    state, url = archive
    told, first = {}, state.body
    refresh(source(f"{url}/dwca.zip", tmp_path / "in"), told)
    state.etag, state.body = '"2"', b"PK, and more"
    refresh(source(f"{url}/dwca.zip", tmp_path / "in"), told)
    assert (tmp_path / "in" / f"inat-{TODAY}.zip").read_bytes() == first
    assert (tmp_path / "in" / f"inat-{TODAY}-2.zip").read_bytes() == state.body
    assert len(files(tmp_path / "in")) == 2


def test_a_server_without_etag_and_date_does_not_fill_the_folder_with_copies(archive, tmp_path):
    state, url = archive
    state.etag = ""
    for _ in range(3):
        assert refresh(source(f"{url}/dwca.zip", tmp_path / "in"), {}) == []
    assert files(tmp_path / "in") == [f"inat-{TODAY}.zip"]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_download_that_breaks_off_leaves_nothing_and_is_begun_anew(archive, tmp_path, chunked):
    state, url = archive
    told = {}
    state.cut_to, state.chunked = 1000, chunked
    (seen,) = refresh(source(f"{url}/dwca.zip", tmp_path / "in"), told)
    assert seen.state == "waiting" and files(tmp_path / "in") == []
    if not chunked:
        assert "broke off after 1000 of 3002 bytes" in seen.reason
    state.cut_to, state.chunked = None, False
    assert refresh(source(f"{url}/dwca.zip", tmp_path / "in"), told) == []
    assert files(tmp_path / "in") == [f"inat-{TODAY}.zip"]


def test_a_refusal_of_the_server_is_told_with_its_number(archive, tmp_path):
    state, url = archive
    state.status = 403
    (seen,) = refresh(source(f"{url}/dwca.zip", tmp_path / "in"), {})
    assert seen.state == "waiting" and "HTTP 403" in seen.reason and files(tmp_path / "in") == []


def test_user_and_password_of_an_address_reach_the_server(archive, tmp_path):
    state, url = archive
    address = f"{url.replace('://', f'://ada:{SECRET}%21@')}/dwca.zip"
    assert refresh(source(address, tmp_path / "in"), {}) == []
    assert files(tmp_path / "in") == [f"inat-{TODAY}.zip"]
    sent = state.asked[0][1]["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(sent).decode() == f"ada:{SECRET}!"


# an API


def test_an_api_that_counts_nothing_new_starts_no_harvest(archive, tmp_path):
    state, url = archive
    state.body = b'{"numRecordings": "0"}'
    ran = tmp_path / "ran"
    told = {}
    assert refresh(source(f"{url}/api?since={{since}}", tmp_path, "api", f"touch {ran}"), told) == []
    assert not ran.exists() and state.asked[0][0] == f"/api?since={TODAY}"


def test_what_is_new_waits_where_no_harvest_command_is_set(archive, tmp_path):
    state, url = archive
    state.body = b'{"numRecordings": "12"}'
    told = {f"api {shown(url + '/api')}": {"since": "2026-01-05"}}
    (seen,) = refresh(source(f"{url}/api?since={{since}}", tmp_path, "api"), told)
    assert seen.state == "waiting" and "12 recordings are new since 2026-01-05" in seen.reason
    assert next(iter(told.values()))["since"] == "2026-01-05"


def harvester(folder: Path, code: str) -> str:
    script = folder / "harvest.py"
    script.write_text(code)
    return f"{shlex.quote(sys.executable)} -S {shlex.quote(str(script))} {{since}}"


def test_a_harvest_is_asked_for_what_came_since_and_the_date_moves_on(archive, tmp_path):
    state, url = archive
    state.body = b'{"numRecordings": 12}'
    landing = tmp_path / "in"
    code = f"import sys, pathlib; d = pathlib.Path({str(landing)!r}); d.mkdir(); (d / sys.argv[1]).touch()"
    told = {f"api {shown(url + '/api')}": {"since": "2026-01-05"}}
    asked = source(f"{url}/api?since={{since}}", landing, "api", harvester(tmp_path, code))
    assert refresh(asked, told) == []
    assert files(landing) == ["2026-01-05"]
    refresh(asked, told)
    assert state.asked[1][0] == f"/api?since={TODAY}"


def test_a_failed_harvest_is_told_and_asked_for_the_same_days_again(archive, tmp_path):
    state, url = archive
    state.body = b'{"numRecordings": 12}'
    told = {f"api {shown(url + '/api')}": {"since": "2026-01-05"}}
    asked = source(f"{url}/api?since={{since}}", tmp_path, "api", harvester(tmp_path, f"raise SystemExit('{SECRET}')"))
    (seen,) = refresh(asked, told)
    assert seen.state == "waiting" and "harvest command failed with exit code 1" in seen.reason
    assert SECRET not in repr(seen)
    refresh(asked, told)
    assert state.asked[1][0] == "/api?since=2026-01-05"


def test_a_harvest_command_that_does_not_exist_is_told_as_that(archive, tmp_path):
    state, url = archive
    state.body = b'{"numRecordings": 12}'
    (seen,) = refresh(source(f"{url}/api", tmp_path, "api", f"/nowhere/harvest --key {SECRET}"), {})
    assert "harvest command cannot be started" in seen.reason and SECRET not in seen.reason


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"total": 3}', "the answer has no field 'numRecordings'"),
        (b"<html>sign in</html>", "did not answer"),
        (b'{"numRecordings": null}', "did not answer"),
        (b"7", "did not answer"),
    ],
    ids=["another field", "a page", "no number", "no object"],
)
def test_an_answer_that_is_no_count_is_told_and_stops_nothing(archive, tmp_path, body, expected):
    state, url = archive
    state.body = body
    (seen,) = refresh(source(f"{url}/api", tmp_path, "api", "false"), {})
    assert seen.state == "waiting" and expected in seen.reason


@pytest.mark.parametrize("kind", ["http", "api"])
def test_a_server_that_is_down_is_told_and_stops_nothing(tmp_path, kind):
    (seen,) = refresh(source("http://127.0.0.1:1/dwca.zip", tmp_path / "in", kind), {})
    assert seen.state == "waiting" and "did not answer (ConnectionRefusedError)" in seen.reason


# keys


@pytest.mark.parametrize("kind", ["http", "api"])
@pytest.mark.parametrize(
    "address",
    [
        "{url}/dwca.zip?key={secret}",
        "{login}/dwca.zip",
        "{down}/dwca.zip?key={secret}",
        "http://ada:{secret}@/dwca.zip",
        "http://ada:{secret}@host.invalid/dwca.zip",
        "{url}/a b?key={secret}",
        "htp://127.0.0.1/a?key={secret}",
    ],
    ids=["in the query", "as a password", "of a server that is down", "no host", "no such host", "a blank", "a scheme"],
)
def test_a_key_appears_in_no_message_and_not_in_the_notes(archive, tmp_path, monkeypatch, kind, address):
    state, url = archive
    state.status = 500
    login = url.replace("://", f"://ada:{SECRET}@")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KEYED", address.format(url=url, login=login, down="http://127.0.0.1:1", secret=SECRET))
    Path("params.yaml").write_text("dumps: {}\n")
    Path("watch.yaml").write_text(
        f'sources:\n  - {{archive: inat, kind: {kind}, url: "${{KEYED}}", count: n, location: in, origin: real, '
        'checklist: "", license: "", settle_s: 0}\n'
    )
    monkeypatch.setattr(watch, "_biolingual", lambda *_: "[]")
    monkeypatch.setattr(watch, "candidates", list)
    (seen,) = watch.look(Path("watch.yaml"), Path("notes.json"))
    assert seen.state == "waiting"
    assert SECRET not in seen.reason + seen.url + seen.name
    notes = Path("notes.json").read_text()
    assert f'"{kind} h' in notes and SECRET not in notes


def test_a_successful_fetch_keeps_no_key_in_the_notes(archive, tmp_path, monkeypatch):
    _, url = archive
    told = {}
    refresh(source(f"{url.replace('://', f'://ada:{SECRET}@')}/dwca.zip?key={SECRET}", tmp_path / "in"), told)
    assert list(told) == ["http http://127.0.0.1/dwca.zip"] and told[next(iter(told))]["etag"] == '"1"'
    assert SECRET not in json.dumps(told)


def test_two_looks_fetch_once_because_the_notes_file_remembers(archive, tmp_path, monkeypatch):
    state, url = archive
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("dumps: {}\n")
    Path("watch.yaml").write_text(
        f'sources:\n  - {{archive: inat, kind: http, url: "{url}/dwca.zip", location: in, origin: real, '
        'checklist: "", license: "", settle_s: 3600}\n'
    )
    monkeypatch.setattr(watch, "candidates", list)
    found = [watch.look(Path("watch.yaml"), Path("notes.json")) for _ in range(2)]
    assert [[one.state for one in look] for look in found] == [["unfinished"], ["unfinished"]]  # it has just landed
    assert "If-None-Match" not in state.asked[0][1] and state.asked[1][1]["If-None-Match"] == '"1"'
