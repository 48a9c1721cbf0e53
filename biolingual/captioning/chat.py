"""The captioner `chat`: a language model behind the OpenAI chat protocol describes what the remarks say can be heard.

It is asked only where remarks hold more than the structured fields. Its answers are cached, parsed and checked; a caption that
fails is asked for once more with the reason, and then the template's caption stands in, with status `fallback` and the reason.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator

from biolingual.captioning import entities, prompting
from biolingual.captioning.cache import Answers, key_of
from biolingual.captioning.checks import Flood, faults
from biolingual.captioning.endpoint import Answer, Client, Endpoint, UnansweredError
from biolingual.captioning.language import instructed
from biolingual.captioning.rows import described
from biolingual.captioning.sentences import captions as sentences
from biolingual.params import CaptionParams
from biolingual.records import Caption, Recording

CAPTIONER = "chat"
AHEAD = 8  # times the requests in flight: recordings under way, so that a slow one holds up no other
SAY_EVERY_S = 30.0
UNANSWERED_LEAST = 10


def captions(recordings: Iterable[Recording], params: CaptionParams, endpoint: Endpoint) -> Iterator[list[Caption]]:
    """For each recording in turn the template's captions of params.kinds, and a descriptive one where the model gave a good one.

    ValueError where the endpoint cannot be used, where more questions stay unanswered than params.max_unanswered allows, and
    offline, where answers are missing. What was answered until then is in the cache.
    """
    with Answers(endpoint.answers) as answers, asyncio.Runner() as runner:
        work = _Work(params, endpoint, answers)
        stream = work.run(recordings)

        async def step() -> list[Caption] | None:
            return await anext(stream, None)

        try:
            while (rows := runner.run(step())) is not None:
                yield rows
        finally:
            runner.run(stream.aclose())
        work.finish()


class _Work:
    """One dump's questions: what was asked, answered, kept, and at what price."""

    def __init__(self, params: CaptionParams, endpoint: Endpoint, answers: Answers):
        if not params.model:
            raise ValueError(
                "the chat captioner needs caption.model in params.yaml: the name by which the endpoint knows it."
            )
        self.params, self.endpoint, self.answers = params, endpoint, answers
        self.client = Client(endpoint)
        self.flood = Flood()
        self.named = entities.finder(params.ner_model)
        self.count: Counter = Counter()
        self.missing: list[str] = []
        self.last_reason = ""
        self.started = self.said = time.monotonic()

    async def run(self, recordings: Iterable[Recording]) -> AsyncIterator[list[Caption]]:
        if self.endpoint.offline:
            async for rows in in_order(self.rows_of, recordings, 1):
                yield rows
            return
        async with self.client:
            async for rows in in_order(self.rows_of, recordings, AHEAD * self.endpoint.at_once):
                self.progress()
                yield rows

    async def rows_of(self, recording: Recording) -> Callable[[], list[Caption]]:
        """What becomes of a recording; the last step is done in the recordings' order, for the count of equal sentences."""
        self.count["recordings"] += 1
        if not prompting.worth_asking(recording):
            return lambda: sentences(recording, self.params.kinds)
        prompt = prompting.prompt(recording.archive)
        text, reasons = await self.description(recording, prompt)

        def rows() -> list[Caption]:
            why = reasons or (["duplicate"] if self.flood.adds(text) else [])
            return described(recording, self.params.kinds, CAPTIONER, text, why, self.params.model, prompt.sha)

        return rows

    async def description(self, recording: Recording, prompt: prompting.Prompt) -> tuple[str, list[str]]:
        """(a caption that passed every check, []) or ("", reasons)."""
        if instructed(recording.remarks):
            return "", ["injection_in_remarks"]
        messages = prompt.messages(recording)
        try:
            for ask in (1, 2):
                answer = await self.answer(messages, recording)
                text, found = prompting.caption_of(answer, recording)
                found = found or [*faults(text, recording), *self.named(text, recording)]
                if not found:
                    return text, []
                if ask == 1:
                    self.count["asked_again"] += 1
                    messages = prompting.reask(messages, answer, found)
            return "", [fault.reason for fault in found]
        except UnansweredError as error:
            return "", [self.unanswered(error)]

    async def answer(self, messages: list[dict], recording: Recording) -> Answer:
        """The kept answer to a chat, or the model's, which is kept before it is used."""
        question = {name: getattr(self.params, name) for name in prompting.SETTINGS} | {"messages": messages}
        key = key_of(question)
        if kept := self.answers.get(key):
            self.count["from_cache"] += 1
            return kept
        if self.endpoint.offline:
            self.missing.append(recording.recording_id)
            raise UnansweredError("offline")
        answer = await self.client.ask(question)
        self.answers.put(key, self.params.model, answer)
        self.count.update(asked=1, tokens_in=answer.tokens_in, tokens_out=answer.tokens_out)
        return answer

    def unanswered(self, error: UnansweredError) -> str:
        self.count["unanswered"] += 1
        most = max(UNANSWERED_LEAST, self.params.max_unanswered * self.count["recordings"])
        if not self.endpoint.offline and self.count["unanswered"] > most:
            raise ValueError(
                f"{self.count['unanswered']} of {self.count['recordings']} recordings got no answer from the chat endpoint, the "
                f"last one for {error.reason}; caption.max_unanswered allows {most:.0f}. {self.count['asked']} new answers are "
                "kept: run again when the endpoint is well."
            )
        return error.reason

    def progress(self) -> None:
        if time.monotonic() - self.said > SAY_EVERY_S:
            self.said = time.monotonic()
            self.say()

    def say(self) -> None:
        rate = self.count["asked"] / max(1e-9, time.monotonic() - self.started)
        usd = (self.count["tokens_in"] * self.endpoint.usd_in + self.count["tokens_out"] * self.endpoint.usd_out) / 1e6
        print(
            f"caption chat: {self.count['recordings']} recordings, {self.count['asked']} asked ({rate:.1f}/s, "
            f"{self.client.in_flight} in flight), {self.count['from_cache']} from the cache, {self.count['asked_again']} asked "
            f"again, {self.count['unanswered']} unanswered, {self.count['tokens_in']} + {self.count['tokens_out']} tokens"
            + (f", {usd:.4f} USD" if usd else ""),
            flush=True,
        )

    def finish(self) -> None:
        """Say what it took. ValueError where the cache alone was asked and did not hold all."""
        self.say()
        if self.missing:
            raise ValueError(
                f"offline: {len(self.missing)} of {self.count['recordings']} recordings have no answer in "
                f"{self.endpoint.answers}, {', '.join(self.missing[:5])} among them. Run once without --offline."
            )


async def in_order(
    function: Callable[[Recording], Awaitable[Callable[[], list[Caption]]]], items: Iterable[Recording], ahead: int
) -> AsyncIterator[list[Caption]]:
    """What `function` makes of each item, in the items' order, with at most `ahead` of them under way."""
    waiting: deque[asyncio.Task] = deque()
    try:
        for item in items:
            waiting.append(asyncio.create_task(function(item)))
            if len(waiting) >= ahead:
                yield (await waiting.popleft())()
        while waiting:
            yield (await waiting.popleft())()
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
