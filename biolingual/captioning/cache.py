"""The response cache: no answer is paid for twice. One sqlite file outside every output of the graph."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from pathlib import Path

from biolingual.captioning.endpoint import Answer

TABLE = (
    "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, model TEXT NOT NULL, text TEXT NOT NULL, finish TEXT NOT NULL, "
    "tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL) WITHOUT ROWID"
)


def key_of(question: dict) -> str:
    """sha256 of a request body: model, settings, prompt and fields in it. Not of the address: that changes only the bill."""
    return hashlib.sha256(json.dumps(question, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


class Answers:
    """Answers by question. Each is on disk before `put` returns, so a kill loses none; several processes may share the file."""

    def __init__(self, path: str):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, timeout=60, isolation_level=None)
        try:
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute(TABLE)
        except sqlite3.DatabaseError as error:
            raise ValueError(
                f"{path} is no cache of answers ({error}). Move it away or set BIOLINGUAL_CHAT_ANSWERS."
            ) from error

    def __enter__(self) -> Answers:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def get(self, key: str) -> Answer | None:
        """The answer kept for a question, or None."""
        row = self._db.execute(
            "SELECT text, finish, tokens_in, tokens_out FROM answers WHERE key = ?", (key,)
        ).fetchone()
        return Answer(*row) if row else None

    def put(self, key: str, model: str, answer: Answer) -> None:
        """Keep an answer."""
        values = (key, model, answer.text, answer.finish, answer.tokens_in, answer.tokens_out)
        self._db.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?)", values)

    def __len__(self) -> int:
        return self._db.execute("SELECT count(*) FROM answers").fetchone()[0]
