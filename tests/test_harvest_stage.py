"""`python -m stages.harvest` as a process: no key leaves it however it fails, and a kill costs nothing that came before."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from biolingual.storage import digest
from tests.archives.archive_sites import JSON, KEY, XenoCanto
from tests.archives.faulty_site import Reply, faulty_site

ROOT = Path(__file__).resolve().parents[1]
# The most talkative of all runs: every library's debug log goes to a file.
LOUD = (
    "import logging, runpy, sys; logging.basicConfig(level=0, filename='debug.log'); sys.argv = ['harvest', *sys.argv[1:]]; \
runpy.run_module('stages.harvest', run_name='__main__')"
)


@pytest.fixture
def site():
    with faulty_site() as running:
        XenoCanto(running, list(range(1, 8)))
        yield running


def command(site, *words, start=("-c", LOUD)):
    options = ["--archive", "xeno_canto", "--query", "grp:birds", "--site", site.url, "--pause-s", "0.01", *words]
    return [sys.executable, *start, *options]


def environment(key=KEY):
    # BIOLINGUAL_TRACEBACK: the whole traceback, as a developer would paste it somewhere.
    return {**os.environ, "PYTHONPATH": str(ROOT), "XENO_CANTO_KEY": key, "BIOLINGUAL_TRACEBACK": "1"}


@pytest.fixture
def place(tmp_path):
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    return tmp_path


def everything_written(place: Path, done: subprocess.CompletedProcess) -> str:
    files = [path.read_bytes().decode("utf-8", "replace") for path in place.rglob("*") if path.is_file()]
    names = [str(path) for path in place.rglob("*")]
    return "\n".join([done.stdout, done.stderr, *files, *names])


def bad_key(site):
    """HTTP 401, the key repeated in the message."""
    answer = (
        b'{"error":"client_error","message":"Invalid key: ' + KEY.encode() + b" (key=" + quote(KEY).encode() + b')"}'
    )
    site.routes["/api/3/recordings"] = Reply(answer, 401, JSON)


def refused_with_200(site):
    """HTTP 200 with the nested error, the query with its key repeated."""
    answer = b'{"error":{"code":"bad","message":"page=1&key=' + quote_plus(KEY).encode() + b" " + KEY.encode() + b'"}}'
    site.routes["/api/3/recordings"] = Reply(answer, 200, JSON)


def redirected(site):
    """Sent round in circles, the key in each Location."""
    to = f"{site.url}/api/3/recordings?key={quote_plus(KEY)}"
    site.routes["/api/3/recordings"] = Reply(b"", 302, headers={"Location": to})


def echoed_then_dropped(site):
    """A good page that repeats the key, kept as a file; then every sound drops."""
    page = XenoCanto(site, [1, 2, 3]).page
    site.routes["/api/3/recordings"] = lambda query: Reply(
        page(query).body.replace(b'"numSpecies"', b'"asked": "key=' + KEY.encode() + b'", "numSpecies"'),
        content_type=JSON,
    )
    for number in range(1, 8):
        site.faults[f"/{number}/download"] = ["drop"] * 99


def sound_wants_key(site):
    """Sounds refused without the key, and with it answered by an error that repeats it."""
    XenoCanto(site, list(range(1, 20)))
    answer = '{"error": {"code": 403, "message": "not with %s"}}'
    for number in range(1, 20):
        site.routes[f"/{number}/download"] = lambda query: Reply((answer % query.get("key")).encode(), 403, JSON)


def always(fault):
    def act(site):
        site.always = fault

    act.__name__ = fault
    return act


WAYS = [bad_key, refused_with_200, redirected, echoed_then_dropped, sound_wants_key]
WAYS += [always(fault) for fault in ("busy", "truncate", "drop", "page")]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_no_key_in_any_file_log_or_error_however_a_harvest_fails(site, place, way):
    way(site)
    done = subprocess.run(command(site, "--out", "dump"), cwd=place, env=environment(), capture_output=True, text=True)
    written = everything_written(place, done)
    assert done.returncode != 0 and "xeno_canto" in written and (place / "debug.log").stat().st_size > 0
    for form in {KEY, quote(KEY), quote(KEY, safe=""), quote_plus(KEY), KEY[:8]}:
        assert form not in written, written[max(0, written.index(form) - 300) : written.index(form) + 60]
    assert any(query.get("key") == KEY for _, query, _ in site.asked), "it was asked with the key"


def test_a_harvest_without_fault_leaves_no_key_either(site, place):
    done = subprocess.run(command(site, "--out", "dump"), cwd=place, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert KEY[:8] not in everything_written(place, done)
    assert "harvest dump: 7 added, 0 changed, 0 gone, 0 refused, 0 failed" in done.stdout


def test_without_a_key_one_line_says_where_to_get_one(site, place):
    quiet = command(site, "--out", "dump", start=("-m", "stages.harvest"))
    env = {**environment(""), "BIOLINGUAL_TRACEBACK": ""}
    done = subprocess.run(quiet, cwd=place, env=env, capture_output=True, text=True)
    assert (done.returncode, site.asked) == (1, [])
    assert done.stderr == (
        "ERROR harvest: Xeno-canto wants a key: set XENO_CANTO_KEY in the environment (xeno-canto.org/account).\n"
    )


def test_killed_again_and_again_a_harvest_ends_with_the_same_bytes_and_fetches_nothing_twice(site, place):
    quiet = command(site, start=("-m", "stages.harvest"))
    subprocess.run([*quiet, "--out", "whole"], cwd=place, env=environment(), check=True, capture_output=True)
    site.asked.clear()
    kills = 0
    for sounds_before_kill in (1, 3, 5):
        running = subprocess.Popen([*quiet, "--out", "dump", "--pause-s", "0.15"], cwd=place, env=environment())
        deadline = time.monotonic() + 60
        while len({path for path in site.paths() if "download" in path}) < sounds_before_kill:
            assert time.monotonic() < deadline and running.poll() is None
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
        running.wait()
        kills += 1
    subprocess.run([*quiet, "--out", "dump"], cwd=place, env=environment(), check=True, capture_output=True)
    assert digest(str(place / "dump")) == digest(str(place / "whole"))
    downloads = [path for path in site.paths() if "download" in path]
    assert len(set(downloads)) == 7
    assert len(downloads) <= 7 + kills, "at most the sound that was on its way is asked for again"
    pages = [query["page"] for path, query, _ in site.asked if path.startswith("/api")]
    assert len(pages) == 3, "a page that is there is not asked for again"
