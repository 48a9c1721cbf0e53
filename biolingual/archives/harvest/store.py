"""A dump in the making: pages and sounds written whole or not at all, a journal of what is there, and the diff to a former dump.

It grows in `.<name>.part` beside its final place and is renamed when nothing is missing. Its journal harvest.jsonl says for every
sound where it lies, its hash and its ETag, or why the archive refused it; the next harvest starts from it (`after`).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from biolingual.archives.harvest.body import Answer, HarvestError, NoAnswerError, RefusedError, is_sound
from biolingual.archives.harvest.client import Client
from biolingual.archives.harvest.journal import JOURNAL, Diff, Order, lines_of, read_journal, sorted_out
from biolingual.archives.harvest.naming import part_name, suffix, without_suffix

TOLD_EVERY = 100
IN_A_ROW = 8  # sounds refused or not answered: then the fault is the host's, not theirs


class Store:
    """The folder that a harvester fills. ValueError when it was begun with another order, or `after` has no journal."""

    def __init__(
        self,
        out: Path,
        order: Order,
        client: Client,
        after: Path | None = None,
        say: Callable[[str], None] = lambda line: None,
    ):
        if out.exists():
            raise ValueError(
                f"{out} is there already, and a dump is immutable: give the new one a name, and --after {out}"
            )
        self.out, self.order, self.client, self.after, self.say = out, order, client, after, say
        self.work = out.with_name(f".{out.name}.part")
        self.parts = self.work / ".parts"
        self.records: dict[str, str] = {}  # id -> hash of what the archive says of it
        self.earlier, self.earlier_pages = read_journal(after) if after else ({}, {})
        self.failed: dict[str, str] = {}
        self.unlucky = 0
        self.parts.mkdir(parents=True, exist_ok=True)
        self.items, self.pages = self._begun()
        self.files = {without_suffix(path.relative_to(self.work).as_posix()): path for path in self._files()}

    def _begun(self) -> tuple[dict[str, dict], dict[str, dict]]:
        path = self.work / JOURNAL
        begun = {"order": self.order.public(), "after": self.after.name if self.after else ""}
        if path.is_file() and path.stat().st_size:
            lines = list(lines_of(path))
            if lines and lines[0] != begun:
                raise ValueError(
                    f"{self.work} was begun with another order ({lines[0]}). Repeat that one, or remove the folder."
                )
            path.write_text(
                "".join(f"{json.dumps(line)}\n" for line in lines or [begun])
            )  # without a half-written line
            return sorted_out(lines)
        path.write_text(json.dumps(begun) + "\n")
        return {}, {}

    def _files(self) -> Iterator[Path]:
        return (path for path in self.work.rglob("*") if path.is_file() and self.parts not in path.parents)

    def page(
        self,
        name: str,
        url: str,
        check: Callable[[Path, str], None],
        params: dict | None = None,
        if_changed: bool = False,
        **options,
    ) -> Path | None:
        """The page kept under `name`, fetched unless it is there. None with `if_changed` when it is as in the former dump."""
        path = self.work / name
        if path.is_file():
            return path
        etag = self.earlier_pages.get(name, {}).get("etag", "") if if_changed else ""
        answer = self.client.get(url, self.parts / part_name(name), params, check, etag, **options)
        if answer.path is None:
            return None
        self._place(answer, path)
        self._write({"page": name, "sha256": answer.sha256, "etag": answer.etag}, self.pages, name)
        if len(self.pages) % TOLD_EVERY == 0:
            self.say(f"harvest {self.out.name}: {len(self.pages)} pages")
        return path

    def note(self, item: str, record: object) -> bool:
        """Remember what the archive says of a sound; False when a former dump has it, and so it is not wanted."""
        text = json.dumps(record, sort_keys=True, ensure_ascii=False)
        self.records[item] = hashlib.sha256(text.encode()).hexdigest()[:16]
        return self._is_new(item)

    def _is_new(self, item: str) -> bool:
        """Whether no former dump has it, or has no file of it and the archive tells something else of it now."""
        known = self.earlier.get(item)
        return known is None or ("file" not in known and known.get("record") != self.records.get(item))

    @property
    def full(self) -> bool:
        """Whether the order's limit is reached."""
        return bool(self.order.limit) and len(self.items) >= self.order.limit

    def sound(
        self, item: str, url: str, stem: str, suffix_of: str = "", params: dict | None = None, key: dict | None = None
    ) -> None:
        """Fetch a sound to <stem>.<suffix>, unless the journal has it. suffix_of: a file name with the sound's suffix.

        `key` goes along only where the host refuses without it. A refusal for good goes to the journal, missing answers to
        `failed`; HarvestError when many come in a row.
        """
        if item in self.items or self.full:
            return
        if Path(stem).name.startswith(".") or ".." in Path(stem).parts or Path(stem).is_absolute():
            self.refuse(item, RefusedError(f"no file can be named {stem!r}", 0))
            return
        if stem in self.files:  # killed between the file and its line
            self._write(self._line(item, self.files[stem], ""), self.items, item)
            return
        part = self.parts / part_name(stem)
        try:
            answer = self._fetched(url, part, params, key)
        except RefusedError as error:
            self.refuse(item, error)
            return
        except NoAnswerError as error:
            self.failed[item] = str(error)
            self._unlucky(True, error)
            return
        self.unlucky = 0
        path = self.work / f"{stem}{suffix(suffix_of, url, answer.content_type)}"
        self._place(answer, path)
        self._write(self._line(item, path, answer.etag, answer.sha256), self.items, item)
        if len(self.items) % TOLD_EVERY == 0:
            size = sum(line.get("bytes", 0) for line in self.items.values())
            self.say(
                f"harvest {self.out.name}: {len(self.items)} sounds, {size / 1e6:.0f} MB, {len(self.failed)} failed"
            )

    def _fetched(self, url: str, part: Path, params: dict | None, key: dict | None) -> Answer:
        try:
            return self.client.get(url, part, params, is_sound)
        except RefusedError as error:
            if not key or error.status not in (401, 403):
                raise
        return self.client.get(url, part, {**(params or {}), **key}, is_sound)

    def refuse(self, item: str, error: RefusedError) -> None:
        """Note that the archive will not give a sound."""
        self._write({"item": item, "refused": error.status, "reason": str(error)}, self.items, item)
        self._unlucky(error.status in (401, 403), error)

    def keep(self, item: str) -> bool:
        """Take a sound over from the former dump by a hard link, where it has it: a whole snapshot without a download."""
        line = self.earlier.get(item, {})
        if (
            item in self.items
            or not line.get("file")
            or self.after is None
            or not (self.after / line["file"]).is_file()
        ):
            return item in self.items
        path = self.work / line["file"]
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            try:
                os.link(self.after / line["file"], path)
            except OSError:  # another file system
                shutil.copyfile(self.after / line["file"], path)
        self._write({key: value for key, value in line.items() if key not in ("dump", "record")}, self.items, item)
        return True

    def _unlucky(self, counts: bool, error: HarvestError) -> None:
        self.unlucky = self.unlucky + 1 if counts else 0
        if self.unlucky >= IN_A_ROW:
            raise HarvestError(f"{IN_A_ROW} sounds in a row were not to be had, the last: {error}. Try again later")

    def _line(self, item: str, path: Path, etag: str, sha256: str = "") -> dict:
        return {
            "item": item,
            "file": path.relative_to(self.work).as_posix(),
            "sha256": sha256 or hashlib.sha256(path.read_bytes()).hexdigest(),
            "bytes": path.stat().st_size,
            "etag": etag,
        }

    def _place(self, answer: Answer, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.replace(answer.path, path)
        answer.path.with_name(f"{answer.path.name}.etag").unlink(missing_ok=True)

    def _write(self, line: dict, table: dict[str, dict], key: str) -> None:
        with open(self.work / JOURNAL, "a", encoding="utf-8") as journal:
            journal.write(json.dumps(line) + "\n")
        table[key] = line

    def finish(self, thin: Callable[[Path, Callable[[str], bool]], None] | None, without_failed: bool = False) -> Diff:
        """Take what former dumps have out of the pages (`thin`), write the journal anew, and give the dump its name.

        Nothing new: no dump is left. HarvestError while sounds are missing that the archive did not refuse.
        """
        if self.failed and not without_failed:
            first = next(iter(self.failed.items()))
            raise HarvestError(
                f"{len(self.failed)} of {len(self.records)} sounds did not come whole ({first[0]}: {first[1]}). "
                "The same command asks for them again; --without-failed leaves them out"
            )
        diff = self._diff()
        if self.after and not diff.added:
            shutil.rmtree(self.work)
            return diff
        if self.after and thin:
            thin(self.work, self._is_new)
        shutil.rmtree(self.parts)
        kept = {item: {**line, "dump": line.get("dump") or self.after.name} for item, line in self.earlier.items()}
        mine = {
            item: self.items.get(item, {"item": item})
            for item in self.records
            if item in self.items or self._is_new(item)
        }
        lines = [{**line, "record": self.records[item]} for item, line in sorted(mine.items())]
        lines += [line for item, line in sorted(kept.items()) if item not in mine]
        begun = {"order": self.order.public(), "after": self.after.name if self.after else ""}
        part = self.work / f".{JOURNAL}.part"
        part.write_text("".join(f"{json.dumps(line)}\n" for line in [begun, *self.pages.values(), *lines]))
        os.replace(part, self.work / JOURNAL)
        os.replace(self.work, self.out)
        return diff

    def _diff(self) -> Diff:
        everything = not self.order.limit and not self.order.since
        return Diff(
            added=sorted(filter(self._is_new, self.records)),
            changed=sorted(
                item
                for item, found in self.records.items()
                if not self._is_new(item) and self.earlier[item].get("record") != found
            ),
            gone=sorted(set(self.earlier) - set(self.records)) if everything and self.records else [],
            refused=sorted(item for item, line in self.items.items() if "refused" in line),
            failed=sorted(self.failed),
        )
