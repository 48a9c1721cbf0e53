"""The paper's class names on our own recordings: the list is checked, the prompts are bare, the notes say what it is not."""

from dataclasses import replace

import pytest

from biolingual.benchmarks import species_1143
from tests.benchmarks.toy_context import known_world, unit


@pytest.fixture
def names(tmp_path):
    """A file as long as the paper's list, with six of the toy world's eight names in other letters."""
    lines = [f"bird {number}" for number in range(6)] + [f"Wader {number}" for number in range(1137)]
    (tmp_path / "names.txt").write_text("\n".join(lines) + "\n")
    return tmp_path / "names.txt"


def world(file, noise: float = 0.0):
    made = known_world(n=3, noise=noise)
    vectors = {f"bird {number}": unit(number) for number in range(6)} | {"Wader": -unit(7)}
    made.embedder.vectors = vectors
    return replace(made, params=made.params.model_copy(update={"class_names": str(file)}))


def test_recordings_of_the_lists_names_are_scored_among_all_of_them_with_bare_prompts(names):
    made = world(names)
    (found,) = species_1143.scores(made)
    assert (found.n, found.n_classes, found.n_skipped, found.value) == (18, 1143, 6, 1.0)
    assert found.prompt_template == "{common_name}"
    assert set(made.embedder.asked) == set(names.read_text().splitlines())
    assert found.chance == 1 / 1143 and found.metrics["classes_with_recordings"] == 6


def test_the_notes_say_that_the_recordings_are_others(names):
    (found,) = species_1143.scores(world(names))
    assert "Same classes as the paper's, other recordings" in found.notes and "68" not in found.notes


@pytest.mark.parametrize("file", ["", "nowhere.txt"])
def test_without_the_list_the_error_says_where_it_is_from(file):
    with pytest.raises(FileNotFoundError, match=r"evaluate\.class_names.*beans/datasets\.yml"):
        species_1143.scores(world(file))


def test_another_list_is_refused_with_its_length(names):
    names.write_text("\n".join(names.read_text().splitlines()[:-1]) + "\nBird 1\n")
    with pytest.raises(ValueError, match="holds 1143 names"):
        species_1143.scores(world(names))
    names.write_text("Bird 1\n")
    with pytest.raises(ValueError, match=r"holds 1 names.*has 1143"):
        species_1143.scores(world(names))


def test_a_world_without_any_of_the_names_has_no_score(names):
    names.write_text("\n".join(f"Wader {number}" for number in range(1143)))
    assert species_1143.scores(world(names)) == []


def test_the_shared_copy_of_the_list_is_taken(shared):
    assert "Mississippi Kite" in species_1143.read_names(str(shared / "species_1143.txt"))
