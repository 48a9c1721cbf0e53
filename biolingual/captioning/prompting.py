"""What a language model is asked about a recording, by prompts kept as files, and what is read out of its answer."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from biolingual.captioning.endpoint import Answer
from biolingual.captioning.subject import Fault
from biolingual.records import Recording

MAX_REMARKS = 1200  # characters that are sent
SETTINGS = ("model", "temperature", "max_tokens", "seed")
WORD = re.compile(r"[^\W\d_]{2,}")
STRUCTURED = ("common_name", "scientific_name", "behavior", "sex", "life_stage", "background_species")


@dataclass(frozen=True)
class Prompt:
    """The prompt of an archive: rules.md and <archive>.yaml. `sha` is of both files' bytes."""

    system: str
    fields: tuple[str, ...]
    examples: tuple[tuple[dict, str], ...]  # (fields of a recording, its caption)
    sha: str

    def messages(self, recording: Recording) -> list[dict]:
        """The chat: rules, examples as former turns, and the recording."""
        turns = [{"role": "system", "content": self.system}]
        for number, (told, caption) in enumerate(self.examples, start=1):
            asked = {"id": f"r-example{number}", **told}
            turns += [
                {"role": "user", "content": _json(asked)},
                {"role": "assistant", "content": _json({"id": asked["id"], "caption": caption})},
            ]
        asked = {name: value for name in self.fields if (value := getattr(recording, name))}
        asked["remarks"] = recording.remarks[:MAX_REMARKS]
        return [*turns, {"role": "user", "content": _json({"id": short_id(recording), **asked})}]


@cache
def prompt(archive: str) -> Prompt:
    """The prompt of an archive. ValueError where it has no file."""
    from ruamel.yaml import YAML

    folder = files("biolingual.captioning") / "prompts"
    rules, path = folder / "rules.md", folder / f"{archive}.yaml"
    if not path.is_file():
        raise ValueError(f"archive {archive!r} has no prompt. Write biolingual/captioning/prompts/{archive}.yaml.")
    told = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    return Prompt(
        system=f"{rules.read_text(encoding='utf-8').strip()}\n\n{told['task'].strip()}",
        fields=tuple(told["fields"]),
        examples=tuple((one["recording"], one["caption"]) for one in told["examples"]),
        sha=hashlib.sha256(rules.read_bytes() + path.read_bytes()).hexdigest(),
    )


def short_id(recording: Recording) -> str:
    """What stands for the recording in a chat and must come back: its id tells of places and people, this does not."""
    return f"r-{hashlib.sha256(recording.recording_id.encode()).hexdigest()[:8]}"


def worth_asking(recording: Recording) -> bool:
    """Whether the remarks hold a word that no structured field holds, and there is a name to name."""
    structured = " ".join(str(getattr(recording, name)) for name in STRUCTURED).lower()
    beyond = {word.lower() for word in WORD.findall(recording.remarks)} - set(WORD.findall(structured))
    return bool(beyond and (recording.common_name or recording.scientific_name))


def reask(messages: list[dict], answer: Answer, faults: list[Fault]) -> list[dict]:
    """The chat once more, with the answer and why it was turned down."""
    why = "; ".join(f"{fault.reason} ({fault.detail[:80]})" for fault in faults)
    return [
        *messages,
        {"role": "assistant", "content": answer.text[:2000]},
        {"role": "user", "content": f"This was turned down: {why}. Answer once more with the JSON object alone."},
    ]


def caption_of(answer: Answer, recording: Recording) -> tuple[str, list[Fault]]:
    """(the caption, []) or ("", why there is none): the object may stand among other words, the id must be the recording's."""
    if answer.finish == "length":
        return "", [Fault("cut_off", answer.text[-40:])]
    low, high = answer.text.find("{"), answer.text.rfind("}")
    try:
        told = json.loads(answer.text[low : high + 1]) if 0 <= low < high else None
    except json.JSONDecodeError:
        told = None
    if not isinstance(told, dict) or not isinstance(told.get("caption"), str):
        return "", [Fault("not_json", answer.text[:60])]
    if told.get("id") != short_id(recording):
        return "", [Fault("wrong_id", str(told.get("id"))[:40])]
    return " ".join(told["caption"].split()), []


def _json(value: dict) -> str:
    return json.dumps(value, ensure_ascii=False)
