"""The split of a recording: a function of the recording and the params alone, so that no later dump moves anything."""

from __future__ import annotations

import hashlib
from functools import cache

import pyarrow as pa

from biolingual.params import AssembleParams
from biolingual.records import Recording

RULE = (
    *("recording_id", "scientific_name", "genus", "family", "order", "class_", "rank"),
    *("recorded_by", "event_date", "source_recording", "locality_coarse", "latitude", "longitude", "country"),
)

SHARED_CELLS = ("test_unseen", "test_rare")  # drawn for a taxon: its recordings may share a recordist-day with others


def unit(seed: int, *words: str) -> float:
    """A number in [0, 1) that depends on the words and the seed alone."""
    return int.from_bytes(hashlib.sha256("\0".join([str(seed), *words]).encode()).digest()[:7], "big") / (1 << 56)


def cell_of(recording: Recording) -> str:
    """What the split is drawn for: recordist | date | place; where the recordist is unknown, the source recording."""
    if not recording.recorded_by:
        return f"source|{recording.source_recording or recording.recording_id}"
    place = recording.locality_coarse
    if recording.latitude is not None and recording.longitude is not None:
        place = f"{recording.latitude:.1f},{recording.longitude:.1f}"
    return f"{recording.recorded_by}|{recording.event_date}|{place}"


def is_held_out(recording: Recording, params: AssembleParams) -> bool:
    """Whether the recording's taxon is never trained on: named in `held_out` at any rank, or drawn by hash of the species."""
    return Rule(params).held_out(*_taxa(recording), recording.rank)


def split_of(recording: Recording, params: AssembleParams) -> str:
    """hash(is the taxon held out, is the place, is the taxon rare?, cell)"""
    return Rule(params).split(recording, cell_of(recording))


def splits_of(recordings: pa.Table, params: AssembleParams) -> tuple[list[str], list[str]]:
    """(cell, split) of each row of a table that has the columns of RULE."""
    rule, cells, splits = Rule(params), [], []
    columns = [recordings[name].to_pylist() for name in RULE]
    for values in zip(*columns, strict=True):
        one = _Row(*values)
        cells.append(cell_of(one))
        splits.append(rule.split(one, cells[-1]))
    return cells, splits


class Rule:
    """The rule of one set of params; what it says of a taxon and of a cell is drawn once."""

    def __init__(self, params: AssembleParams):
        self.params = params
        self.countries = {one for one in params.held_out_regions if "," not in one}
        self.boxes = [_box(one) for one in params.held_out_regions if "," in one]
        self.held_out = cache(self._held_out)
        self.rare = cache(self._rare)
        self.draw = cache(self._draw)

    def split(self, one: Recording, cell: str) -> str:
        if self.held_out(*_taxa(one), one.rank):
            return "test_unseen"
        if self.far(one):
            return "test_region"
        draw, stays = self.draw(cell)
        rare = self.rare(one.scientific_name, one.rank)
        if draw < self.params.test_share:
            return "test_rare" if rare else "test_seen"
        if draw < self.params.test_share + self.params.valid_share:
            return "valid"
        return "train" if not rare or stays else "test_rare"

    def far(self, one: Recording) -> bool:
        """Whether the place is held out. By the cell's tenth of a degree, so that a cell is inside or outside as one."""
        if one.country in self.countries:
            return True
        if not self.boxes or one.latitude is None or one.longitude is None:
            return False
        north, east = round(one.latitude, 1), round(one.longitude, 1)
        return any(box[0] <= north < box[2] and box[1] <= east < box[3] for box in self.boxes)

    def _held_out(self, species: str, genus: str, family: str, order: str, class_: str, rank: str) -> bool:
        if ({species, genus, family, order, class_} - {""}) & set(self.params.held_out):
            return True
        return rank == "species" and unit(self.params.seed, "taxon", species) < self.params.held_out_species_share

    def _rare(self, species: str, rank: str) -> bool:
        if species in self.params.rare:
            return True
        return rank == "species" and unit(self.params.seed, "rare", species) < self.params.rare_species_share

    def _draw(self, cell: str) -> tuple[float, bool]:
        """(the cell's draw, whether a rare species keeps it for training)"""
        stays = unit(self.params.seed, "few", cell) < self.params.rare_train_share
        return unit(self.params.seed, "cell", cell), stays


class _Row:
    """A recording of as many fields as the rule reads."""

    __slots__ = RULE

    def __init__(self, *values: object):
        for name, value in zip(RULE, values, strict=True):
            setattr(self, name, value)


def _taxa(one: Recording) -> tuple[str, str, str, str, str]:
    return one.scientific_name, one.genus, one.family, one.order, one.class_


def _box(text: str) -> tuple[float, ...]:
    """ "-26,43,-11,51" as (south, west, north, east). ValueError for what is neither a country nor four numbers."""
    try:
        south, west, north, east = map(float, text.split(","))
    except ValueError as error:
        raise ValueError(
            f"assemble.held_out_regions: {text!r} is no 'south,west,north,east' in degrees and no country's name."
        ) from error
    return south, west, north, east
