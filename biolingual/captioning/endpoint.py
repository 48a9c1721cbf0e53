"""A language model behind the OpenAI chat protocol: one question, one answer, within limits, tried again where that helps."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

MAX_BYTES = 1_000_000  # of one answer
MAX_WAIT_S = 120.0  # between two tries
PER_POOL = 8  # requests in flight in one pool of connections
MISCONFIGURED = {
    401: "Check BIOLINGUAL_CHAT_KEY.",
    403: "Check BIOLINGUAL_CHAT_KEY.",
    404: "Check BIOLINGUAL_CHAT_URL and caption.model.",
}
TRANSIENT = {408, 409, 425, 429}


@dataclass(frozen=True)
class Endpoint:
    """Where the model is and how hard to try: what changes only the bill, read from the environment by stages/entry.py."""

    url: str = ""  # ".../v1"
    key: str = field(default="", repr=False)
    at_once: int = 64  # requests in flight
    timeout_s: float = 120.0  # of one try, from sending it to the last byte
    tries: int = 6
    answers: str = ".runs/answers.sqlite"  # the response cache; outside every output of the graph
    usd_in: float = 0.0  # price of a million tokens
    usd_out: float = 0.0
    offline: bool = False  # use the cache alone


@dataclass(frozen=True)
class Answer:
    """What the model said; `finish` is the protocol's finish_reason."""

    text: str
    finish: str
    tokens_in: int
    tokens_out: int


class UnansweredError(Exception):
    """No answer to one question, after all tries: `reason` is a short code."""

    def __init__(self, reason: str, wait_s: float | None = None, final: bool = False):
        super().__init__(reason)
        self.reason, self.wait_s, self.final = reason, wait_s, final


class Client:
    """Asks an endpoint with at most `at_once` requests in flight; an async context manager."""

    def __init__(self, endpoint: Endpoint):
        self.endpoint = endpoint
        self.in_flight = 0
        self._slots = asyncio.Semaphore(endpoint.at_once)
        self._asked = 0
        self._resume_at = 0.0  # a Retry-After holds for all requests

    async def __aenter__(self) -> Client:
        import httpx

        if not self.endpoint.url.startswith(("http://", "https://")):
            raise ValueError(
                f"the chat captioner needs an endpoint, BIOLINGUAL_CHAT_URL is {self.endpoint.url!r}. "
                "Set it, http://127.0.0.1:8000/v1 for instance, or set caption.captioner to template."
            )
        headers = {"Authorization": f"Bearer {self.endpoint.key}"} if self.endpoint.key else {}
        # Many small pools: the work of one pool grows with the square of its connections.
        self._pools = [
            httpx.AsyncClient(
                headers=headers, timeout=None, follow_redirects=False, limits=httpx.Limits(max_connections=None)
            )
            for _ in range(-(-self.endpoint.at_once // PER_POOL))
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        for pool in self._pools:
            await pool.aclose()

    async def ask(self, question: dict) -> Answer:
        """The answer to a request body of /chat/completions.

        UnansweredError where every try failed; ValueError where the endpoint says that all questions will fail.
        """
        for attempt in range(1, self.endpoint.tries + 1):
            try:
                async with self._slots:
                    await self._pause()
                    self.in_flight += 1
                    try:
                        return await self._try(question)
                    finally:
                        self.in_flight -= 1
            except UnansweredError as error:
                if error.final or attempt == self.endpoint.tries:
                    raise
                if error.wait_s is not None:
                    self._resume_at = max(self._resume_at, asyncio.get_running_loop().time() + error.wait_s)
                else:
                    await asyncio.sleep(min(MAX_WAIT_S, 0.5 * 2**attempt) * random.uniform(0.5, 1.0))
        raise AssertionError("unreachable")

    async def _pause(self) -> None:
        while (left := self._resume_at - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(left)

    async def _try(self, question: dict) -> Answer:
        import httpx

        try:
            async with asyncio.timeout(self.endpoint.timeout_s):
                url = f"{self.endpoint.url.rstrip('/')}/chat/completions"
                self._asked += 1
                pool = self._pools[self._asked % len(self._pools)]
                async with pool.stream("POST", url, json=question) as response:
                    body = await _body(response)
        except TimeoutError as error:
            raise UnansweredError("timed_out") from error
        except httpx.HTTPError as error:
            raise UnansweredError(f"no_connection_{type(error).__name__}") from error
        if response.status_code in MISCONFIGURED:
            raise ValueError(
                f"the chat endpoint answers {response.status_code} to a request for the model {question['model']!r}. "
                f"{MISCONFIGURED[response.status_code]}"
            )
        if response.status_code != 200:
            transient = response.status_code in TRANSIENT or response.status_code >= 500
            raise UnansweredError(
                f"http_{response.status_code}", retry_after_s(response.headers.get("Retry-After")), not transient
            )
        return answer_of(body)


async def _body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for part in response.aiter_bytes():
        body += part
        if len(body) > MAX_BYTES:
            raise UnansweredError("endless_answer", final=True)
    return bytes(body)


def answer_of(body: bytes) -> Answer:
    """The answer in a response body. UnansweredError where it does not speak the protocol."""
    import json

    try:
        told = json.loads(body)
        choice = told["choices"][0]
        usage = told.get("usage") or {}
        return Answer(
            text=choice["message"].get("content") or choice["message"].get("refusal") or "",
            finish=choice.get("finish_reason") or "",
            tokens_in=int(usage.get("prompt_tokens") or 0),
            tokens_out=int(usage.get("completion_tokens") or 0),
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise UnansweredError("not_the_protocol") from error


def retry_after_s(header: str | None) -> float | None:
    """Seconds to wait, at most MAX_WAIT_S, from a Retry-After of either form (RFC 9110, 10.2.3); None without one."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            from datetime import UTC, datetime

            seconds = (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(MAX_WAIT_S, max(0.0, seconds))
