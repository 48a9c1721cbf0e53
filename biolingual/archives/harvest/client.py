"""Asks a host politely and takes whole answers or none: paced, patient, resumed where it broke off; no key in an error or log."""

from __future__ import annotations

import hashlib
import logging
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import quote, quote_plus, urlsplit

import httpx

from biolingual.archives.harvest.body import (
    AgainError,
    Answer,
    HarvestError,
    NoAnswerError,
    RefusedError,
    begun,
    forget,
    shown,
    written,
)
from biolingual.archives.source import without_keys

AGENT = "BioLingual harvest (https://arxiv.org/abs/2308.04978)"
AGAIN = {408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524}
LOGGERS = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy")


@dataclass(frozen=True)
class Manners:
    """How gently a host is asked. requests: at most so many of a host in one run, 0 = no limit."""

    pause_s: float = 1.0  # between two requests to one host
    first_wait_s: float = 2.0  # after a fault; doubles, with jitter
    longest_wait_s: float = 900.0
    attempts: int = 6
    timeout_s: float = 60.0
    requests: int = 0
    most_bytes: int = 4_000_000_000  # of one sound


class Client:
    """One session with its pace for each host. `secrets` are hidden wherever text leaves it; `sleep` and `clock` are for tests."""

    def __init__(
        self,
        manners: Manners,
        secrets: tuple[str, ...] = (),
        contact: str = "",
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.manners, self.sleep, self.clock = manners, sleep, clock
        self.secrets = {form for secret in secrets if secret for form in (secret, quote(secret), quote_plus(secret))}
        agent = f"{AGENT} {contact}".strip()
        self.session = httpx.Client(
            timeout=manners.timeout_s, follow_redirects=True, max_redirects=5, headers={"User-Agent": agent}
        )
        self.free_at: dict[str, float] = {}  # host -> when it may be asked again
        self.asked: dict[str, int] = {}
        for name in LOGGERS:
            logging.getLogger(name).addFilter(self._hide)

    def hidden(self, text: str) -> str:
        """The text without keys."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return without_keys(re.sub(r"://[^/\s@]+@", "://", text))

    def get(
        self,
        url: str,
        part: Path,
        params: dict | None = None,
        check: Callable[[Path, str], None] | None = None,
        etag: str = "",
        most_bytes: int = 0,
    ) -> Answer:
        """The whole body of an address in the file `part`, checked by `check(path, content type)`, which raises ValueError.

        Faults of network and host are met with growing pauses; a body that broke off is asked for from where it ended.
        RefusedError for a refusal that lasts, NoAnswerError when all attempts failed.
        """
        _must_be_web(url)
        keyed = any(str(value) in self.secrets for value in (params or {}).values())
        part.parent.mkdir(parents=True, exist_ok=True)
        told = ""
        for attempt in range(self.manners.attempts):
            if attempt:
                self._wait(url, self.manners.first_wait_s * 2 ** (attempt - 1) * random.uniform(0.75, 1.25))
            try:
                answer = self._once(url, part, params, etag, most_bytes or self.manners.most_bytes)
                if check and answer.path:
                    check(answer.path, answer.content_type)
                return self._without_secrets(answer) if keyed and answer.path else answer
            except (AgainError, httpx.RequestError) as error:
                told = str(error) if isinstance(error, AgainError) else type(error).__name__
            except HarvestError as error:
                error.args = (self.hidden(str(error)),)
                if keyed:
                    forget(part)
                raise
            except ValueError as error:
                told = str(error)
                forget(part)  # whole, but not what was asked for
            if keyed:
                forget(part)  # a host may repeat what it was asked
        # Outside of `except`: the cause names the address with its key.
        raise NoAnswerError(
            self.hidden(f"{shown(url)} gave no whole answer in {self.manners.attempts} attempts ({told})")
        )

    def _once(self, url: str, part: Path, params: dict | None, etag: str, most_bytes: int) -> Answer:
        host = urlsplit(url).netloc
        if self.manners.requests and self.asked.get(host, 0) >= self.manners.requests:
            raise HarvestError(
                f"{host} was asked {self.manners.requests} times, as much as is fair in a day: go on tomorrow"
            )
        self._wait(url)
        self.asked[host] = self.asked.get(host, 0) + 1
        have, mark = begun(part)
        headers = {"Accept-Encoding": "identity"} | ({"If-None-Match": etag} if etag else {})
        if have:
            headers |= {"Range": f"bytes={have}-", "If-Range": mark}
        try:
            with self.session.stream("GET", url, params=params, headers=headers) as response:
                if response.status_code == 416 or (response.status_code == 206 and not have):
                    forget(part)  # what is here is no beginning of what the host has now
                    raise AgainError(f"HTTP {response.status_code}")
                self._judge(response, url)
                if response.status_code == 304:
                    return Answer(None, etag=etag)
                if response.status_code != 206:
                    forget(part)
                    have = 0
                return written(response, part, have, most_bytes)
        finally:
            self.free_at[host] = max(self.free_at.get(host, 0.0), self.clock() + self.manners.pause_s)

    def _judge(self, response: httpx.Response, url: str) -> None:
        status = response.status_code
        if status in (200, 206, 304):
            return
        pause = _retry_after(response.headers.get("Retry-After", ""))
        if status in AGAIN or (status == 403 and pause is not None):
            if pause is not None:
                if pause > self.manners.longest_wait_s:
                    raise HarvestError(f"{shown(url)} asks to wait for {pause:.0f} s (HTTP {status}): go on after that")
                host = urlsplit(url).netloc
                self.free_at[host] = max(self.free_at.get(host, 0.0), self.clock() + pause)
            raise AgainError(f"HTTP {status}")
        response.read()
        raise RefusedError(f"{shown(url)} answers HTTP {status}{_reason(response)}", status)

    def _without_secrets(self, answer: Answer) -> Answer:
        data = answer.path.read_bytes()
        for secret in self.secrets:
            data = data.replace(secret.encode(), b"***")
        answer.path.write_bytes(data)
        return replace(answer, sha256=hashlib.sha256(data).hexdigest(), size=len(data))

    def _wait(self, url: str, at_least_s: float = 0.0) -> None:
        pause = max(self.free_at.get(urlsplit(url).netloc, 0.0) - self.clock(), at_least_s)
        if pause > 0:
            self.sleep(pause)

    def _hide(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self.hidden(record.getMessage()), ()
        return True

    def close(self) -> None:
        """End the session."""
        self.session.close()
        for name in LOGGERS:
            logging.getLogger(name).removeFilter(self._hide)


def _reason(response: httpx.Response) -> str:
    """What an error answer says in one line; {"error": code, "message": text} or {"error": {"code", "message"}}."""
    try:
        body = response.json()
    except ValueError:
        return ""
    if not isinstance(body, dict):
        return ""
    error = body.get("error")
    nested = error if isinstance(error, dict) else {}
    told = body.get("message") or nested.get("message") or nested.get("code") or error
    return f" ({' '.join(str(told).split())[:200]})" if told else ""


def _retry_after(text: str) -> float | None:
    """Seconds of a Retry-After header: a number, or a date (RFC 9110, 10.2.3)."""
    if text.strip().isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None


def _must_be_web(url: str) -> None:
    """RefusedError for what is no http(s) address: archives name the addresses, and not all of them can be meant."""
    try:
        fits = httpx.URL(url).scheme in ("http", "https") and bool(urlsplit(url).hostname)
    except (ValueError, TypeError, httpx.InvalidURL):
        fits = False
    if not fits:
        raise RefusedError(f"{without_keys(url)[:100]!r} is no address on the web", 0)
