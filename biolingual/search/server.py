"""The page's server: sounds and pictures by row number, marks, exports, and who may ask. No path is taken from a visitor."""

from __future__ import annotations

import hmac
from dataclasses import replace
from functools import lru_cache
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlencode

from fastapi import FastAPI, HTTPException
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from pydantic import BaseModel

from biolingual.search import export
from biolingual.search.app import mount
from biolingual.search.hits import Results
from biolingual.search.marks import Marks
from biolingual.search.pictures import png, wav
from biolingual.search.query import Searcher
from biolingual.search.reading import stretch
from biolingual.search.shelf import Asked, Shelf

LONGEST_S = 30.0  # of a clip
COOKIE = "biolingual"
LOCAL = ("127.0.0.1", "localhost", "[::1]")
KINDS = {"csv": "text/csv", "json": "application/json", "txt": "text/tab-separated-values", "history": "text/csv"}


class Answer(BaseModel, extra="forbid"):
    """A mark as the page sends it; yes: None takes it back."""

    results: str
    row: int
    yes: bool | None


class Guard:
    """Lets in who knows the token, by ?token= once and a cookie then; a local server answers to local names alone."""

    def __init__(self, app, token: str, local: bool):
        self.app, self.token, self.local = app, token, local

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        answer = self._refusal(scope, headers) or self._entry(scope, headers)
        return await (answer or self.app)(scope, receive, send)

    def _refusal(self, scope, headers: dict[str, str]) -> Response | None:
        host = headers.get("host", "")
        if self.local and host.rsplit(":", 1)[0] not in LOCAL:
            return PlainTextResponse("this page is served to this machine alone", 403)
        origin = headers.get("origin")
        if scope.get("method") == "POST" and origin and origin.split("://")[-1] != host:
            return PlainTextResponse("another site's request", 403)
        return None

    def _entry(self, scope, headers: dict[str, str]) -> Response | None:
        if not self.token:
            return None
        asked = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        given = asked.pop("token", [""])[0]
        if given and hmac.compare_digest(given.encode(), self.token.encode()):
            rest = urlencode(asked, doseq=True)
            answer = RedirectResponse(scope["path"] + (f"?{rest}" if rest else ""), 303)
            answer.set_cookie(COOKIE, self.token, httponly=True, samesite="strict")
            return answer
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        if cookie is not None and hmac.compare_digest(cookie.value.encode(), self.token.encode()):
            return None
        return PlainTextResponse("open this page with ?token=... once; who started it knows the token", 401)


def server(searcher: Searcher, token: str = "", local: bool = True) -> FastAPI:
    """The whole site: routes, page and guard."""
    app, shelf, marks = FastAPI(docs_url=None, redoc_url=None, openapi_url=None), Shelf(), Marks(searcher.index)
    index = searcher.index

    @lru_cache(maxsize=256)
    def part(row: int, start_s: float, end_s: float):
        one = index.files[index.file_of[row]]
        rate = max(8000, min(one["sample_rate_hz"], 48000))
        return stretch(index.address(int(index.file_of[row])), start_s, end_s, rate), rate

    def clip(row: int, start_s: float, end_s: float):
        if not 0 <= row < len(index):
            raise HTTPException(404, "no such window")
        duration = index.files[index.file_of[row]]["duration_s"]
        if not 0 <= start_s < end_s or start_s >= duration:
            raise HTTPException(404, "no such part of the recording")
        try:
            return part(row, start_s, min(end_s, start_s + LONGEST_S, duration))
        except (OSError, ValueError):
            raise HTTPException(410, "the recording is not where it was indexed: serve with --audio FOLDER") from None

    @app.get("/clip/{row}.wav")
    def sound(row: int, start: float, end: float) -> Response:
        return Response(wav(*clip(row, start, end)), media_type="audio/wav")

    @app.get("/spectrogram/{row}.png")
    def picture(row: int, start: float, end: float) -> Response:
        return Response(png(*clip(row, start, end)), media_type="image/png", headers={"Cache-Control": "max-age=3600"})

    @app.post("/marks")
    def mark(answer: Answer) -> dict:
        asked = shelf.get(answer.results)
        score = asked and next((hit.score for hit in asked.results.hits if hit.row == answer.row), None)
        if score is None:
            raise HTTPException(404, "this search is no longer held: search again")
        marks.add(asked.query, answer.row, score, answer.yes)
        return {"marked": len(marks.of(asked.query))}

    @app.get("/export/{kind}")
    def exported(kind: str, results: str) -> Response:
        asked = shelf.get(results)
        if asked is None or kind not in KINDS:
            raise HTTPException(404, "this search is no longer held: search again")
        above = replace(asked.results, hits=[hit for hit in asked.results.hits if hit.score >= asked.threshold])
        try:
            text = _exported(kind, above, asked, searcher)
        except ValueError as error:
            raise HTTPException(409, str(error)) from error
        name = "history.csv" if kind == "history" else f"hits.{kind}"
        return Response(text, media_type=KINDS[kind], headers={"Content-Disposition": f'attachment; filename="{name}"'})

    mounted = mount(app, searcher, shelf, marks)
    mounted.add_middleware(Guard, token=token, local=local)
    return mounted


def _exported(kind: str, results: Results, asked: Asked, searcher: Searcher) -> str:
    if kind == "history":
        found = export.detection_history(searcher.index, searcher.scores(asked.vector), asked.threshold)
        return found.to_csv()
    return (
        {"csv": export.to_csv, "json": export.to_json}[kind](results)
        if kind != "txt"
        else export.to_raven(results, searcher.index)
    )


def run(searcher: Searcher, host: str, port: int, token: str) -> None:
    """Serve until stopped. ValueError where others could connect and no token keeps them out."""
    import uvicorn

    local = host in ("127.0.0.1", "localhost", "::1")
    if not local and not token:
        raise ValueError(f"{host} is open to others. Give --token, or serve on 127.0.0.1.")
    print(f"http://{host}:{port}{'/?token=...' if token else ''}    stop with Ctrl+C", flush=True)
    uvicorn.run(server(searcher, token, local), host=host, port=port, log_level="warning", access_log=False)
