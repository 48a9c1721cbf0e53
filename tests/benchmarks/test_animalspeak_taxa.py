"""Zero-shot by taxon, of the seen species and of the rare ones."""

from dataclasses import replace

import numpy as np
import pytest

from biolingual.benchmarks import animalspeak_rare, animalspeak_taxa, animalspeak_zero_shot
from tests.benchmarks.toy_context import SPECIES, known_world, unit


def test_taxa_are_means_over_their_recordings_and_the_value_is_zero_shots():
    world = known_world(n=10, noise=0.3, right=0.7)
    (found,) = animalspeak_taxa.scores(world)
    (plain,) = animalspeak_zero_shot.scores(world)
    assert found.value == plain.value and not plain.groups and not plain.confused
    species, families = found.groups["species"], found.groups["family"]
    assert list(species) == SPECIES and {one["n"] for one in species.values()} == {10}
    for number, family in enumerate(("Family0", "Family1")):
        members = [species[name]["value"] for name in SPECIES[4 * number : 4 * number + 4]]
        assert families[family] == {"value": pytest.approx(np.mean(members)), "n": 40}
    assert found.metrics["macro_top1"] == pytest.approx(np.mean([one["value"] for one in species.values()]))
    assert "order" not in found.groups  # these recordings name none


def test_the_most_confused_species_stand_first():
    world = known_world(n=4, noise=0.0)
    embeds = world.embeds | {f"r3-{n}#0": unit(5) for n in range(3)} | {"r1-0#0": unit(2)}
    (found,) = animalspeak_taxa.scores(replace(world, embeds=embeds))
    assert found.confused == [[SPECIES[3], SPECIES[5], 3], [SPECIES[1], SPECIES[2], 1]]


def test_names_dealt_anew_are_at_chance_for_the_taxa_too():
    values = []
    for seed in range(20):
        world = known_world(n=5, noise=0.0)
        dealt = np.random.Generator(np.random.PCG64(seed)).permutation(list(world.embeds))
        (found,) = animalspeak_taxa.scores(
            replace(world, embeds={one: world.embeds[other] for one, other in zip(world.embeds, dealt, strict=True)})
        )
        values += [one["value"] for one in found.groups["species"].values()]
    assert np.mean(values) == pytest.approx(1 / 8, abs=0.03)


def test_a_dataset_without_rare_species_has_no_score_of_them():
    assert animalspeak_rare.scores(known_world(n=2)) == []


def test_rare_species_are_told_apart_from_all_species_of_the_training_split():
    world = known_world(n=3, noise=0.0)
    rare = [replace(one, split="test_rare") for one in world.pairs if one.scientific_name == SPECIES[7]]
    others = [one for one in world.pairs if one.scientific_name != SPECIES[7]]
    (found,) = animalspeak_rare.scores(replace(world, pairs=[*others, *rare[1:]]))
    assert (found.n, found.n_classes, found.value) == (3, 8, 1.0) and list(found.groups["species"]) == [SPECIES[7]]
    heard_wrong = replace(world, pairs=[*others, *rare[1:]], embeds=world.embeds | {"r7-0#0": unit(0)})
    (found,) = animalspeak_rare.scores(heard_wrong)
    assert found.value == pytest.approx(2 / 3) and found.confused == [[SPECIES[7], SPECIES[0], 1]]


def test_only_what_a_task_tells_is_written():
    world = known_world(n=2)
    assert "groups" in animalspeak_taxa.scores(world)[0].as_json()
    plain = animalspeak_zero_shot.scores(world)[0].as_json()
    assert not {"groups", "confused", "curves"} & set(plain) and "n_skipped" in plain
