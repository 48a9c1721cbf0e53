"""Rows of a dataset with nothing in them but what a test names."""

from dataclasses import fields

from biolingual.records import Pair

BLANK = {one.name: "" for one in fields(Pair) if one.type == "str"}
ZERO = {one.name: 0 for one in fields(Pair) if one.type in ("int", "float", "int | None", "float | None")}


def pair(recording: str, species: str = "Parus major", split: str = "train", clip: int = 0, **values: object) -> Pair:
    """One clip of a recording; what is not given is empty."""
    own = {"clip_id": f"{recording}#{clip}", "recording_id": recording, "scientific_name": species, "split": split}
    lists = {"captions": [], "background_species": []}
    return Pair(**BLANK | ZERO | lists | {"origin": "real"} | own | values)
