"""What the page's server gives to whom, whatever is asked of it."""

import csv
import html
import io
from concurrent.futures import ThreadPoolExecutor

import pytest
import soundfile
from fastapi.testclient import TestClient

from biolingual.search.app import _answer
from biolingual.search.marks import Marks
from biolingual.search.server import server
from biolingual.search.shelf import Shelf
from tests.search.conftest import noise

ANYWHERE = (None, None, "", "", "")  # filters of the form
ODD = "<img src=x onerror=alert(1)>${alert(2)}{{3}}.wav"
SECRETS = ("/etc/passwd", "root:", "PRIVATE")


@pytest.fixture(scope="module")
def odd(model_folder, tmp_path_factory):
    """A season with a file whose name is a script, and a secret beside the recordings."""
    from biolingual.search.indexing import build_index
    from biolingual.search.models import load
    from biolingual.search.query import Searcher

    folder = tmp_path_factory.mktemp("odd")
    (folder / "season").mkdir()
    soundfile.write(folder / "season" / ODD.replace("/", ""), noise(5.0), 48000)
    (folder / "secret.wav").write_bytes(b"PRIVATE")
    index = build_index(str(folder / "season"), folder / "index", model_folder)
    return Searcher(index, load(model_folder))


@pytest.fixture(scope="module")
def client(odd):
    with TestClient(server(odd), base_url="http://127.0.0.1:7860") as client:
        yield client


def test_a_clip_and_its_picture_are_given_by_row(client, odd):
    sound, rate = soundfile.read(io.BytesIO(client.get("/clip/1.wav?start=1&end=3").content))
    assert rate == 48000 and len(sound) == 2 * 48000 and abs(sound).max() == pytest.approx(0.5, abs=0.01)
    assert client.get("/spectrogram/1.png?start=1&end=3").content.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "path",
    [
        "/clip/99999.wav?start=0&end=1",
        "/clip/-1.wav?start=0&end=1",
        "/clip/0.wav?start=5&end=1",
        "/clip/0.wav?start=nan&end=1",
        "/clip/0.wav?start=900&end=901",
        "/clip/../../secret.wav?start=0&end=1",
        "/clip/..%2f..%2fsecret.wav?start=0&end=1",
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=../secret.wav",
        "/gradio_api/file=..%2f..%2f..%2fetc%2fpasswd",
        "/file=/etc/passwd",
        "/static/../../../../etc/passwd",
        "/assets/..%2f..%2f..%2f..%2fetc/passwd",
        "/custom_component/x/../../../etc/passwd",
        "/export/..%2fcsv?results=x",
        "/export/csv?results=../../index.json",
        "/docs",
        "/openapi.json",
    ],
)
def test_no_file_outside_the_index_is_given(client, path):
    answer = client.get(path)
    assert answer.status_code >= 400 or "gradio" in answer.text
    assert not any(word in answer.text for word in SECRETS[1:])


def test_the_recordings_themselves_are_no_files_of_the_page(client, odd):
    path = odd.index.address(0)
    assert client.get(f"/gradio_api/file={path}").status_code in (403, 404)


def test_an_example_that_is_no_upload_is_not_opened(client, odd):
    """gradio takes a path from the browser for an uploaded sound: it must refuse one that it did not store itself."""
    config = client.get("/config").json()
    number = next(one["id"] for one in config["dependencies"] if len(one["inputs"]) == 10)
    data = ["", "", {"path": str(odd.index.folder.parent / "secret.wav"), "meta": {"_type": "gradio.FileData"}}]
    data += [[], [], "", "", "", 20, ""]
    asked = client.post("/gradio_api/queue/join", json={"data": data, "fn_index": number, "session_hash": "s"})
    assert asked.status_code == 200
    with client.stream("GET", "/gradio_api/queue/data?session_hash=s") as stream:
        text = "".join(stream.iter_text())
    assert "process_completed" in text and '"success":false' in text.replace(" ", "") and "PRIVATE" not in text


def test_names_that_are_scripts_are_shown_as_text(odd):
    _, status, shown, _ = _answer(
        odd, Shelf(), Marks(odd.index), lambda: odd.vector_of("x"), "<script>", *ANYWHERE, 5, ""
    )
    assert "<script>" not in status + shown and "<img src=x" not in shown
    assert html.escape(ODD.split("/")[0]) in shown


def ask(odd, shelf, words, threshold=""):
    return _answer(odd, shelf, Marks(odd.index), lambda: odd.vector_of(words), words, *ANYWHERE, 5, threshold)


def test_faults_are_a_line_on_the_page(odd):
    for words, threshold, said in (("", "", "the query is empty"), ("x", "<b>", "&lt;b&gt;")):
        name, status, _, _ = ask(odd, Shelf(), words, threshold)
        assert name is None and said in status and "bad" in status


def test_marks_and_exports_answer_for_a_search_that_was_shown(odd, monkeypatch):
    import biolingual.search.server as module

    shelf = Shelf()
    monkeypatch.setattr(module, "Shelf", lambda: shelf)
    client = TestClient(server(odd), base_url="http://127.0.0.1:7860")
    name, _, _, _ = ask(odd, shelf, "a wren")
    row = shelf.get(name).results.hits[0].row
    assert client.post("/marks", json={"results": name, "row": row, "yes": True}).json() == {"marked": 1}
    assert client.post("/marks", json={"results": name, "row": 10**6, "yes": True}).status_code == 404
    assert client.post("/marks", json={"results": "x", "row": row, "yes": True}).status_code == 404
    assert "1 of 1" in ask(odd, shelf, "a wren")[3]
    for kind in ("csv", "json", "txt"):
        answer = client.get(f"/export/{kind}?results={name}")
        assert answer.status_code == 200 and "attachment" in answer.headers["content-disposition"]
    assert len(list(csv.reader(io.StringIO(client.get(f"/export/csv?results={name}").text)))) > 1
    assert client.get(f"/export/history?results={name}").status_code == 409, "no recording has a date"


def test_a_token_is_asked_for_once_and_leaves_the_address(odd):
    client = TestClient(server(odd, token="sesame"), base_url="http://127.0.0.1:7860", follow_redirects=False)
    for path in ("/", "/config", "/clip/0.wav?start=0&end=1", "/gradio_api/info", "/?token=wrong"):
        assert client.get(path).status_code == 401, path
    entered = client.get("/?token=sesame&theme=x")
    assert entered.status_code == 303 and entered.headers["location"] == "/?theme=x"
    assert "httponly" in entered.headers["set-cookie"].lower()
    assert client.get("/clip/0.wav?start=0&end=1").status_code == 200


def test_another_sites_page_cannot_ask(client):
    assert client.get("/", headers={"host": "evil.example"}).status_code == 403
    body = {"results": "x", "row": 0, "yes": True}
    assert client.post("/marks", json=body, headers={"origin": "http://evil.example"}).status_code == 403


def test_twenty_questions_at_once_get_their_own_answers(odd):
    shelf, words = Shelf(), [f"bird number {number}" for number in range(20)]
    alone = [[hit.row for hit in odd.search(one, limit=5).hits] for one in words]
    with ThreadPoolExecutor(20) as pool:
        names = list(pool.map(lambda one: ask(odd, shelf, one)[0], words))
    assert [[hit.row for hit in shelf.get(name).results.hits] for name in names] == alone
    assert [shelf.get(name).query for name in names] == words
