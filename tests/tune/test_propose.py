"""Which values trials get: from the seed and the trials so far, and from nothing else."""

from typing import Any

import pytest
from sweep_parts import DROPOUT, FALL, RATE, WIDTH, record

from vitruvian.errors import InputError
from vitruvian.methods.space import Range
from vitruvian.tune.proposals import Proposals
from vitruvian.tune.propose import LARGEST_GRID, Tried, grid_values, perturbed, propose_optuna, propose_random

PARAMETERS = {"rate": RATE, "dropout": DROPOUT, "fall": FALL}


def proposals(**changes: Any) -> Proposals:
    given: dict[str, Any] = {"parameters": PARAMETERS, "search": "random", "seed": 3, "mode": "min", "grid_points": 3}
    return Proposals(**{**given, "baseline": True, **changes})


def test_a_random_proposal_follows_from_seed_and_number() -> None:
    first = [propose_random(PARAMETERS, seed=1, number=k) for k in range(20)]
    assert first == [propose_random(PARAMETERS, seed=1, number=k) for k in range(20)]
    assert len({str(values) for values in first}) == 20
    assert first != [propose_random(PARAMETERS, seed=2, number=k) for k in range(20)]
    assert all(1e-4 <= values["rate"] <= 0.1 for values in first)


def test_the_baseline_comes_first_and_has_no_values() -> None:
    assert proposals().propose(0, ()) == {}
    assert proposals().propose(1, ()) == proposals(baseline=False).propose(0, ())
    assert [len(values) for values in proposals().known(3)] == [0, 3, 3]
    assert proposals(search="optuna").known(3) == []


def test_a_grid_has_every_combination_once() -> None:
    rows = grid_values(PARAMETERS, points=3, seed=0)
    assert len(rows) == 3 * 3 * 2 == len({str(row) for row in rows})
    assert {row["rate"] for row in rows} == set(RATE.grid(3))
    assert rows != grid_values(PARAMETERS, points=3, seed=1)
    assert proposals(search="grid").all_of_grid() == 19
    many = {f"x{k}": Range(path=f"x{k}", low=0, high=1) for k in range(5)}
    with pytest.raises(InputError, match=rf"{6**5} combinations of x0, x1.*--vary"):
        grid_values(many, points=6, seed=0)
    assert LARGEST_GRID < 6**5


def test_optuna_proposes_near_what_was_good_and_the_same_again() -> None:
    """Of trials whose score is the distance of log10(rate) from -3, it learns to stay near 1e-3."""
    import math

    tried: list[Tried] = []
    for number in range(40):
        values = propose_optuna(PARAMETERS, tried, mode="min", seed=0, number=number)
        assert values == propose_optuna(PARAMETERS, tried, mode="min", seed=0, number=number)
        score = abs(math.log10(values["rate"]) + 3) + (values["fall"] == "constant")
        tried.append(Tried(values=values, score=score))
    late = tried[20:]
    assert sum(one.score is not None and one.score < 0.7 for one in late) > 12
    assert sum(one.values["fall"] == "cosine" for one in late) > 15
    running = [*tried, Tried(values=tried[-1].values, score=None)]
    assert set(propose_optuna(PARAMETERS, running, mode="min", seed=0, number=40)) == set(PARAMETERS)


def test_optuna_leaves_out_failed_and_stopped_trials_and_the_baseline() -> None:
    records = [record(0, 0.1), *(record(k, 0.2, rate=0.01, dropout=0.1, fall="cosine") for k in range(1, 5))]
    records.append(record(5, None, "failed", rate=0.09, dropout=0.1, fall="cosine"))
    records.append(record(6, 0.3, "stopped", rate=0.08, dropout=0.1, fall="cosine"))
    # Four that count are too few to learn from, so the next is random.
    assert proposals(search="optuna").propose(7, records) == propose_random(PARAMETERS, seed=3, number=6)


def test_perturbed_values_are_neighbours_or_drawn_anew() -> None:
    values = {"rate": 0.01, "dropout": 0.1, "fall": "cosine"}
    new = [perturbed(PARAMETERS, values, seed=0, number=1, epoch=epoch) for epoch in range(200)]
    assert new[3] == perturbed(PARAMETERS, values, seed=0, number=1, epoch=3)
    steps = sum(one["rate"] in (0.008, 0.0125) for one in new)
    assert 130 < steps < 170  # three of four
    assert {one["dropout"] for one in new} == {0.0, 0.1, 0.3}
    assert perturbed({"width": WIDTH}, {"width": 8}, seed=0, number=0, epoch=0)["width"] in (8, 32)
