"""Versions and stages as GTO tags: numbers, promote, roll back."""

import pytest

from flows import gates, versions
from tests.flows.toy_project import git, released, set_up, tags


@pytest.fixture
def toy(tmp_path, monkeypatch):
    return set_up(tmp_path / "project", monkeypatch)


@pytest.mark.parametrize(("part", "expected"), [("major", "v1.0.0"), ("minor", "v0.11.0"), ("patch", "v0.10.3")])
def test_a_bump_counts_from_the_highest_version(toy, part, expected):
    for number in ("v0.9.9", "v0.10.2", "v0.2.0"):
        git("tag", f"toy-model@{number}")
    assert versions.next_number("toy-model", part) == expected
    with pytest.raises(ValueError, match="bump 'huge' is not one of major, minor, patch"):
        versions.next_number("toy-model", "huge")


@pytest.fixture
def three(toy):
    for number in (1, 2, 3):
        toy.train(f"weights {number}")
        released()


def act(function, *words) -> str:
    return function("toy-model", *words, False, lambda _: None)


def test_promote_and_roll_back_by_stage(three):
    act(versions.promote, "v0.1.0", "prod")
    act(versions.promote, "latest", "prod")
    assert versions.stages("toy-model") == {"prod": "v0.3.0"}
    assert act(versions.rollback, "prod") == "v0.1.0"
    assert versions.stages("toy-model") == {"prod": "v0.1.0"}
    stage_tags = {tag for tag in tags() if "#" in tag}
    assert stage_tags == {"toy-model#prod#1", "toy-model#prod#2", "toy-model#prod#3"}
    assert git("rev-parse", "toy-model#prod#3^{}") == git("rev-parse", "toy-model@v0.1.0^{}")
    assert any("v0.1.0" in line and line.endswith("prod") for line in gates.table())


def test_a_second_rollback_goes_further_back_and_a_third_says_there_is_nothing(three):
    for number in ("v0.1.0", "v0.2.0", "v0.3.0"):
        act(versions.promote, number, "prod")
    assert [act(versions.rollback, "prod") for _ in range(2)] == ["v0.2.0", "v0.1.0"]
    with pytest.raises(ValueError, match=r"v0\.1\.0 is the first version in stage prod"):
        act(versions.rollback, "prod")
    assert act(versions.promote, "v0.3.0", "prod") == "v0.3.0" and act(versions.rollback, "prod") == "v0.1.0"


def test_stages_are_apart_and_promoting_twice_makes_one_tag(three):
    for stage in ("prod", "production", "prod"):
        act(versions.promote, "v0.2.0", stage)
    assert {tag for tag in tags() if "#" in tag} == {
        "toy-model#prod#1",
        "toy-model#production#2",
    }  # GTO counts over all stages
    with pytest.raises(ValueError, match=r"v0\.2\.0 is the first version in stage prod\."):
        act(versions.rollback, "prod")


def test_a_version_that_gto_takes_out_of_a_stage_is_in_it_no_more(three):
    act(versions.promote, "v0.1.0", "prod")
    act(versions.promote, "v0.2.0", "prod")
    import gto.api

    gto.api.unassign(".", "toy-model", stage="prod", version="v0.2.0")
    assert versions.stages("toy-model") == {"prod": "v0.1.0"}


def test_gto_itself_reads_what_was_written(three):
    import gto.api

    act(versions.promote, "v0.2.0", "prod")
    assert {row["version"] for row in gto.api.show(".", "toy-model")} == {"v0.1.0", "v0.2.0", "v0.3.0"}
    assert [one.version for one in gto.api.find_versions_in_stage(".", "toy-model", "prod")] == ["v0.2.0"]


def test_what_cannot_be_promoted_says_why(toy):
    with pytest.raises(ValueError, match="toy-model has no version"):
        act(versions.promote, "latest", "prod")
    with pytest.raises(ValueError, match="no version was ever in stage prod"):
        act(versions.rollback, "prod")
    released()
    with pytest.raises(ValueError, match=r"no version v9\.0\.0\. Known: v0\.1\.0"):
        act(versions.promote, "v9.0.0", "prod")
    with pytest.raises(ValueError, match="cannot go into stage"):
        act(versions.promote, "v0.1.0", "not a stage")
