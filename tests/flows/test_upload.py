"""The explicit upload: what it refuses, and what it sends to a hub played by a local server."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from flows.upload import upload
from tests.flows.toy_project import released, set_up

OID = "a" * 40


@pytest.fixture
def toy(tmp_path, monkeypatch):
    return set_up(tmp_path / "project", monkeypatch)


def test_what_is_no_release_is_not_uploaded(toy, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "token")
    with pytest.raises(ValueError, match="holds no released version"):
        upload("owner/name", allow_simulated=True, public=False)
    released()
    with pytest.raises(ValueError, match=r"v0\.1\.0 has heard simulated sounds.*--allow-simulated"):
        upload("owner/name", allow_simulated=False, public=False)
    toy.stale.add("release")
    with pytest.raises(ValueError, match="is not the released one"):
        upload("owner/name", allow_simulated=True, public=False)
    toy.stale.clear()
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(ValueError, match="HF_TOKEN is not set"):
        upload("owner/name", allow_simulated=True, public=False)


@pytest.fixture
def hub(monkeypatch):
    """A hub that takes everything; yields what it was sent as (path, body, authorization)."""
    sent = []

    class Hub(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            self.answer([])

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sent.append((self.path, body.decode(), self.headers["Authorization"]))
            if "/preupload/" in self.path:
                files = [{**one, "uploadMode": "regular", "shouldIgnore": False} for one in json.loads(body)["files"]]
                self.answer({"files": files})
            else:
                url = f"http://127.0.0.1:{server.server_port}/owner/name"
                self.answer(
                    {"url": url, "commitOid": OID, "commitUrl": f"{url}/commit/{OID}", "errors": [], "warnings": []}
                )

        def answer(self, value):
            data = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_TOKEN", "hf_not_a_token")
    yield sent
    server.shutdown()


def test_a_released_model_goes_to_the_hub_as_one_commit_with_its_version_as_tag(toy, hub):
    released()
    told = upload("owner/name", allow_simulated=True, public=False)
    assert told.startswith("toy-model v0.1.0: ") and "hf_not_a_token" not in told
    bodies = {path: body for path, body, _ in hub}
    assert json.loads(bodies["/api/repos/create"])["visibility"] == "private"
    header, *files = map(json.loads, bodies["/api/models/owner/name/commit/main"].splitlines())
    assert header["value"]["summary"] == "toy-model v0.1.0"
    content = {one["value"]["path"]: base64.b64decode(one["value"]["content"]).decode() for one in files}
    assert set(content) == {"README.md", "model.safetensors", "parity.json"}
    assert content["model.safetensors"] == toy.model
    assert json.loads(bodies[f"/api/models/owner/name/tag/{OID}"])["tag"] == "v0.1.0"


def test_a_hub_that_does_not_answer_is_one_line_without_the_token(toy, monkeypatch):
    released()
    monkeypatch.setenv("HF_TOKEN", "hf_not_a_token")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(RuntimeError, match="the upload to owner/name failed") as error:
        upload("owner/name", allow_simulated=True, public=False)
    assert "hf_not_a_token" not in str(error.value)
