"""What a re-evaluation tells Prefect: an artifact with tables and links for people, an event for automations."""

from __future__ import annotations

import re

from flows.watch import Seen


def publish(seen: Seen, result: dict) -> None:
    """The artifact `dump-<name>` and the event `biolingual.dump.reevaluated`."""
    from prefect.artifacts import create_markdown_artifact

    create_markdown_artifact(markdown(seen, result), key=key(seen.name), description=f"Candidate dump/{seen.name}")
    _emit(
        "biolingual.dump.reevaluated",
        seen,
        {
            name: result[name]
            for name in ("verdict", "retrain_advised", "retrain_reasons", "dataset_sha", "model_sha", "commit")
        },
    )


def tell(seen: Seen) -> None:
    """A dump that cannot be taken: the event `biolingual.dump.<state>` and an artifact with the reason."""
    if seen.state in ("broken", "changed", "waiting"):
        from prefect.artifacts import create_markdown_artifact

        text = f"# {seen.name}: {seen.state}\n\n`{seen.url}`: {seen.reason}\n"
        create_markdown_artifact(text, key=key(seen.name), description=f"{seen.name}: {seen.state}")
        _emit(f"biolingual.dump.{seen.state}", seen, {"reason": seen.reason})


def key(name: str) -> str:
    """An artifact key: lower case, digits and dashes."""
    return "dump-" + re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def markdown(seen: Seen, result: dict) -> str:
    """Verdict, diff and scores as a page of tables."""
    lines = [f"# {seen.name}: {result['verdict']}", ""]
    lines += [
        f"Branch `dump/{seen.name}`, from {result['base']}; model `{result['model_sha'][:12]}`, not retrained.",
        "",
    ]
    if not result["gate"]:
        return "\n".join(
            [*lines, "**The gate is red**: see reports/validation.html on the branch. Nothing was scored."]
        )
    advice = "; ".join(result["retrain_reasons"])
    lines += [f"**Train again: {advice}.**" if advice else "No reason to train again.", ""]
    clips = result["clips"]
    counted = f"{clips['embedded']}, kept from before: {clips['kept']}" if clips else "none, nothing changed"
    lines += [f"Clips embedded: {counted}.", ""]
    for origin in sorted({one["origin"] for one in result["scores"]}):
        lines += [
            f"## Scores on {origin} sounds",
            "",
            "| Task | Before | Now, all | New recordings | New species | Verdict |",
        ]
        lines += ["|---|---|---|---|---|---|"]
        for one in (score for score in result["scores"] if score["origin"] == origin):
            before = (
                "" if not one["before"] else f"{one['before'][0]:.3f} [{one['before'][1]:.3f}, {one['before'][2]:.3f}]"
            )
            parts = " | ".join(_cell(one[name]) for name in ("overall", "new", "new_species"))
            lines.append(f"| {one['task']} ({one['primary']}) | {before} | {parts} | {one['verdict']} |")
        lines.append("")
    lines += ["## What is new", "", "| | |", "|---|---|"]
    for name, value in result["diff"].items():
        shown = ", ".join(value) if isinstance(value, list) else value
        if isinstance(value, dict):
            shown = ", ".join(f"{key} {count}" for key, count in value.items())
        lines.append(f"| {name.replace('_', ' ')} | {shown} |")
    lines += ["", f"Take it: `python -m flows accept dump/{seen.name}`", ""]
    return "\n".join(lines)


def _cell(score: dict | None) -> str:
    if score is None:
        return "none"
    return f"{score['value']:.3f} [{score['ci95'][0]:.3f}, {score['ci95'][1]:.3f}], n {score['n']}"


def _emit(event: str, seen: Seen, payload: dict) -> None:
    from prefect.events import emit_event

    emit_event(
        event=event,
        resource={"prefect.resource.id": f"biolingual.dump.{seen.name}", "prefect.resource.name": seen.name},
        payload={"archive": seen.source.archive, "origin": seen.source.origin, **payload},
    )
