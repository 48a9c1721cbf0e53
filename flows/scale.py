"""Another scale of the same graph: params.yaml set from files, the rows of its dumps kept."""

from __future__ import annotations

from collections.abc import Iterable
from io import StringIO
from pathlib import Path

from flows.files import write

NO_DUMP = "  <<: {}"  # an empty section that `add-dump` can append to


def set_params(files: Iterable[Path], params: Path = Path("params.yaml")) -> list[str]:
    """Take the sections of each file over those of params.yaml, later files over earlier ones; returns the keys that changed.

    A file may hold a part of the keys only. Comments come from the last file that holds every section. A simulated dump that
    `simulate.dumps` names no more loses its row. ValueError names a section or key that params.yaml has not.
    """
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width, yaml.preserve_quotes = 4096, True
    text = params.read_text(encoding="utf-8")
    before, found = yaml.load(text), yaml.load(text)
    for file in files:
        told = yaml.load(file.read_text(encoding="utf-8"))
        told.pop("dumps", None)
        for section, values in told.items():
            surplus = [key for key in values if section not in found or key not in found[section]]
            if surplus:
                raise ValueError(f"{file}: params.yaml has no {section}.{surplus[0]}. Take it out, or mend its name.")
        if told.keys() == found.keys() - {"dumps"}:
            found = told
        else:
            for section, values in told.items():
                found[section].update(values)
    found.pop("dumps", None)
    out = StringIO()
    yaml.dump(found, out)
    gone = set(before["simulate"]["dumps"]) - set(found["simulate"]["dumps"])
    rows = text[text.index("\ndumps:") + 1 :].splitlines()
    rows = [row for row in rows if row.strip().split(":")[0] not in gone]
    rows = rows if len(rows) > 1 else [*rows, NO_DUMP]
    write(params, out.getvalue().split("\n# No dump yet")[0].rstrip("\n") + "\n\n" + "\n".join(rows) + "\n")
    return [
        f"{section}.{key}"
        for section, values in found.items()
        for key, value in values.items()
        if before[section][key] != value
    ]
