"""An OpenAI-protocol server on this machine that behaves as a script says, and counts who was asked what."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import Response, StreamingResponse

from biolingual.captioning.prompting import short_id
from biolingual.records import Recording

KEY = "sk-test-4711-secret"


class Served:
    """What the server has seen. asked: short id -> questions; at_once, most: requests being answered now, and ever."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.at_once = self.most = 0
        self.bodies: list[dict] = []
        self.keys: set[str] = set()
        self.times: dict[str, list[float]] = defaultdict(list)


def recordings(count: int, **fields: object) -> list[Recording]:
    """Recordings whose remarks say more than their fields."""
    return [
        Recording(**{
            "recording_id": f"folder:d/{number:05d}.wav", "origin": "fixture", "dump": "d", "archive": "folder",
            "common_name": "Great Tit", "scientific_name": "Parus major", "class_": "Aves", "behavior": "song",
            "remarks": f"loud song, wind, {number + 3} phrases", **fields,
        })
        for number in range(count)
    ]  # fmt: skip


def good(identity: str, asked: dict) -> str:
    """A faithful caption of such a recording, as the model should answer."""
    phrases = next(word for word in asked["remarks"].split() if word.isdigit())
    return json.dumps({"id": identity, "caption": f"Loud song of a Great Tit, {phrases} phrases, with wind."})


Behaviour = Callable[
    [str, dict, int], object
]  # (short id, what was asked, which time) -> text, or (status, headers), or a name


@contextmanager
def serving(behaviour: Behaviour, delay_s: float = 0.0) -> Iterator[Served]:
    """A server in a thread; `behaviour` gives the answer's text, ("status", headers), "hang", "endless" or "trickle"."""
    app, seen = FastAPI(), Served()

    @app.post("/v1/chat/completions")
    async def complete(request: Request):
        body = await request.json()
        asked = json.loads(
            next(
                m["content"] for m in reversed(body["messages"]) if m["content"].startswith("{") and m["role"] == "user"
            )
        )
        identity = asked["id"]
        seen.keys.add(request.headers.get("authorization", ""))
        seen.asked[identity] += 1
        seen.bodies.append(body)
        seen.times[identity].append(asyncio.get_running_loop().time())
        seen.at_once += 1
        seen.most = max(seen.most, seen.at_once)
        try:
            await asyncio.sleep(delay_s)
            told = behaviour(identity, asked, seen.asked[identity])
            if told == "hang":
                await asyncio.sleep(30)
            if told in ("endless", "trickle"):
                return StreamingResponse(_endless(slow=told == "trickle"), media_type="application/json")
            if isinstance(told, tuple):
                return Response("no " * 5, status_code=told[0], headers=told[1])
            if isinstance(told, bytes):
                return Response(told, media_type="application/json")
            seen.answered[identity] += 1
            return {
                "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": told}}],
                "usage": {"prompt_tokens": 100, "completion_tokens": 10},
            }
        finally:
            seen.at_once -= 1

    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.02)
    seen.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/v1"
    try:
        yield seen
    finally:
        server.should_exit = True
        thread.join(10)


async def _endless(slow: bool) -> AsyncIterator[bytes]:
    while True:
        yield b" " if slow else b" " * 65536
        await asyncio.sleep(0.05 if slow else 0)


def ids(items: list[Recording]) -> dict[str, Recording]:
    """short id -> recording."""
    return {short_id(one): one for one in items}
