"""Codes of people: the same person in every data set, another one for another seed."""

import pytest

from vitruvian.shards.people import people_of, person_code


def test_a_person_keeps_its_code_in_every_data_set() -> None:
    pifu = {"source": "synthetic", "seed": 3, "protocol": "pifu", "options": {"size_px": 256}}
    geopifu = {"source": "synthetic", "seed": 3, "protocol": "geopifu"}
    assert person_code(pifu, "synthetic-000007") == person_code(geopifu, "synthetic-000007")


@pytest.mark.parametrize(
    "other",
    [
        ({"source": "synthetic", "seed": 4}, "synthetic-000007"),
        ({"source": "synthetic", "seed": 3}, "synthetic-000008"),
        ({"source": "smpl", "seed": 3}, "synthetic-000007"),
    ],
)
def test_another_seed_number_or_source_is_another_person(other: tuple[dict, str]) -> None:
    assert person_code({"source": "synthetic", "seed": 3}, "synthetic-000007") != person_code(*other)


def test_the_seed_of_scans_says_nothing_of_who_they_are() -> None:
    assert person_code({"source": "thuman2", "seed": 1}, "0042") == person_code({"source": "thuman2", "seed": 2}, "0042")


def test_samples_that_are_no_data_set_have_nobody() -> None:
    assert people_of([1, 2, 3]) == []
