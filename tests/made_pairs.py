"""Rows of a dataset with nothing in them but what a test names."""

from dataclasses import fields

from biolingual.params import AssembleParams
from biolingual.records import Pair

RULE = AssembleParams(  # what a test's dataset is cut up by, unless it says otherwise
    seed=1,
    valid_share=0.1,
    test_share=0.3,
    held_out=["Sibilax"],
    held_out_species_share=0.0,
    held_out_regions=[],
    rare=[],
    rare_species_share=0.0,
    rare_train_share=0.2,
    fingerprints="none",
    max_recordings_per_species=0,
    max_recordings_per_recordist=0,
)

BLANK = {one.name: "" for one in fields(Pair) if one.type == "str"}
ZERO = {one.name: 0 for one in fields(Pair) if one.type in ("int", "float", "int | None", "float | None")}


def pair(recording: str, species: str = "Parus major", split: str = "train", clip: int = 0, **values: object) -> Pair:
    """One clip of a recording; what is not given is empty."""
    own = {"clip_id": f"{recording}#{clip}", "recording_id": recording, "scientific_name": species, "split": split}
    lists = {"captions": [], "background_species": []}
    return Pair(**BLANK | ZERO | lists | {"origin": "real"} | own | values)
