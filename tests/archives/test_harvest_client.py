"""The polite client against a real server that has bad days."""

import hashlib

import pytest

from biolingual.archives.harvest.body import HarvestError, NoAnswerError, RefusedError, is_json, is_sound
from biolingual.archives.harvest.client import Client, Manners
from tests.archives.faulty_site import FAULTS, Reply, faulty_site

SOUND = b"RIFF" + bytes(range(256)) * 400
MANNERS = Manners(pause_s=1.0, first_wait_s=2.0, attempts=4)


@pytest.fixture
def site():
    with faulty_site() as running:
        running.routes["/a.wav"] = SOUND
        yield running


@pytest.fixture
def waits():
    return []


@pytest.fixture
def client(waits):
    """A client whose clock moves by its own waits alone."""
    made = Client(MANNERS, sleep=waits.append, clock=lambda: sum(waits))
    yield made
    made.close()


@pytest.mark.parametrize("fault", FAULTS)
def test_after_each_fault_the_whole_sound_comes(site, client, tmp_path, fault):
    site.faults["/a.wav"] = [fault, fault]
    answer = client.get(f"{site.url}/a.wav", tmp_path / "part", check=is_sound)
    assert answer.path.read_bytes() == SOUND and len(site.asked) == 3
    assert (answer.size, answer.sha256) == (len(SOUND), hashlib.sha256(SOUND).hexdigest())


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_lasts_is_told_in_a_line_and_leaves_no_file_that_looks_whole(site, client, tmp_path, fault):
    site.always = fault
    with pytest.raises(NoAnswerError, match=r"/a\.wav gave no whole answer in 4 attempts \(.+\)$") as caught:
        client.get(f"{site.url}/a.wav", tmp_path / "part", check=is_sound)
    assert len(site.asked) == 4 and "\n" not in str(caught.value)
    assert caught.value.__context__ is None, "the cause's text names the address"


def test_waits_grow_and_the_host_is_never_asked_sooner_than_its_pause(site, client, waits, tmp_path):
    site.always = "busy"
    with pytest.raises(NoAnswerError):
        client.get(f"{site.url}/a.wav", tmp_path / "part")
    assert len(waits) == 3
    assert all(2.0 * 2**n * 0.75 <= wait <= 2.0 * 2**n * 1.25 for n, wait in enumerate(waits))


def test_each_host_has_its_own_pace(site, client, waits, tmp_path):
    other = site.url.replace("127.0.0.1", "localhost")
    for url in (site.url, other, site.url):
        client.get(f"{url}/a.wav", tmp_path / "part")
    assert waits == [1.0]


def test_retry_after_is_waited_for_by_all_later_requests_to_that_host(site, client, waits, tmp_path):
    site.routes["/b.wav"] = SOUND
    site.faults["/a.wav"] = ["throttle"] * MANNERS.attempts
    with pytest.raises(NoAnswerError, match="HTTP 429"):
        client.get(f"{site.url}/a.wav", tmp_path / "part")
    assert all(first + second >= 7 for first, second in zip(waits[::2], waits[1::2], strict=False))
    before = sum(waits)
    client.get(f"{site.url}/b.wav", tmp_path / "part")
    assert sum(waits) - before == pytest.approx(7)


def test_a_date_in_retry_after_is_read(site, client, waits, tmp_path):
    site.retry_after, site.faults["/a.wav"] = "Wed, 21 Oct 2015 07:28:00 GMT", ["throttle"]
    assert client.get(f"{site.url}/a.wav", tmp_path / "part").size == len(SOUND)


def test_a_host_that_wants_hours_is_not_waited_for(site, client, waits, tmp_path):
    site.retry_after, site.always = "36000", "throttle"
    with pytest.raises(HarvestError, match="asks to wait for 36000 s"):
        client.get(f"{site.url}/a.wav", tmp_path / "part")
    assert len(site.asked) == 1 and not waits


def test_a_body_that_broke_off_goes_on_from_where_it_ended(site, client, tmp_path):
    site.routes["/a.wav"] = Reply(SOUND, headers={"ETag": '"v1"', "Accept-Ranges": "bytes"})
    site.faults["/a.wav"] = ["truncate"]
    assert client.get(f"{site.url}/a.wav", tmp_path / "part").path.read_bytes() == SOUND
    assert site.asked[1][2]["Range"] == f"bytes={len(SOUND) // 2}-" and site.asked[1][2]["If-Range"] == '"v1"'


def test_a_file_that_changed_in_between_is_fetched_from_its_beginning(site, client, tmp_path):
    versions = iter([Reply(b"old" * 900, headers={"ETag": '"v1"', "Accept-Ranges": "bytes"})])
    site.routes["/a.wav"] = lambda query: next(versions, Reply(SOUND, headers={"ETag": '"v2"'}))
    site.faults["/a.wav"] = ["truncate"]
    assert client.get(f"{site.url}/a.wav", tmp_path / "part").path.read_bytes() == SOUND


def test_what_has_not_changed_is_not_sent_again(site, client, tmp_path):
    site.routes["/a.wav"] = Reply(SOUND, headers={"ETag": '"v1"'})
    etag = client.get(f"{site.url}/a.wav", tmp_path / "part").etag
    assert client.get(f"{site.url}/a.wav", tmp_path / "part", etag=etag).path is None


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451])
def test_a_refusal_is_believed_at_once(site, client, tmp_path, status):
    site.routes["/a.wav"] = Reply(b'{"error": {"code": "no", "message": "not for you"}}', status)
    with pytest.raises(RefusedError, match=f"HTTP {status} \\(not for you\\)") as caught:
        client.get(f"{site.url}/a.wav", tmp_path / "part")
    assert caught.value.status == status and len(site.asked) == 1


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://a.org/b.wav", "http://", "http://[/x", "a.wav", ""])
def test_only_the_web_is_asked(client, tmp_path, url):
    with pytest.raises(RefusedError, match="no address on the web"):
        client.get(url, tmp_path / "part")


def test_a_page_in_place_of_json_is_asked_for_again(site, client, tmp_path):
    site.routes["/q"], site.faults["/q"] = Reply(b"[]", content_type="application/json"), ["page"]
    assert client.get(f"{site.url}/q", tmp_path / "part", check=is_json).path.read_bytes() == b"[]"


def test_a_sound_beyond_the_limit_is_refused_while_it_comes(site, client, tmp_path):
    with pytest.raises(RefusedError, match="larger than 1000 bytes"):
        client.get(f"{site.url}/a.wav", tmp_path / "part", most_bytes=1000)
    assert not (tmp_path / "part").exists()


def test_no_host_is_asked_more_often_in_a_run_than_is_fair(site, tmp_path):
    client = Client(Manners(pause_s=0, requests=2))
    for _ in range(2):
        client.get(f"{site.url}/a.wav", tmp_path / "part")
    with pytest.raises(HarvestError, match="go on tomorrow"):
        client.get(f"{site.url}/a.wav", tmp_path / "part")
    client.close()


def test_the_client_says_who_asks(site, tmp_path):
    client = Client(Manners(pause_s=0), contact="me@example.org")
    client.get(f"{site.url}/a.wav", tmp_path / "part")
    client.close()
    assert (
        site.asked[0][2]["User-Agent"].startswith("BioLingual") and "me@example.org" in site.asked[0][2]["User-Agent"]
    )
