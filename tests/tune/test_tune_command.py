"""``vitruvian tune`` as a user starts it, on built-in people: killed and started again, extended, with every scheduler, and its
winner trained once more."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sweep_parts import outcomes

from vitruvian.cli.main import main
from vitruvian.datagen.options import DatagenOptions
from vitruvian.datagen.run import generate
from vitruvian.methods.weights import load_weights, read_card
from vitruvian.mlflow_store import quiet_client
from vitruvian.ray_local import start_ray
from vitruvian.train.history import HISTORY, read_history

# Ray's modules use each other's deprecated parts.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
SMALL = ("training.batch_size=2", "training.validation_samples=2", "training.epochs=5", "samples.num_points=50",
         "samples.num_ray_points=50", "options.num_hourglass=2")  # fmt: skip
TRIALS = 4


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three to learn from and one held out."""
    out = tmp_path_factory.mktemp("people") / "data"
    options = DatagenOptions(
        out=out, num_subjects=4, held_out=1, views_per_subject=2, size_px=128, supersample=1, query_points=400,
        voxel_resolution=16, shadows=False, num_actors=0, track=False,
        items=("mesh", "rgb", "mask", "query_points", "solid_voxels"),
    )  # fmt: skip
    generate(options, progress=False)
    return out


@pytest.fixture(scope="module")
def running_ray() -> Iterator[None]:
    with start_ray(2):
        yield


def command(people: Path, out: Path, *more: str, space: str = "schedule", trials: int = TRIALS) -> list[str]:
    fixed = ["--data", str(people), "--out", str(out), "--space", space, "--trials", str(trials), "--loader-threads", "1"]
    return ["tune", "pifu", *fixed, *more, "--set", *SMALL]


def losses(folder: Path) -> list[tuple[int, float]]:
    return [(event["step"], event["loss"]) for event in read_history(folder / HISTORY) if event["event"] == "step"]


def epochs_done(out: Path) -> dict[str, int]:
    return {
        path.parent.parent.name: sum(event["event"] == "epoch" for event in read_history(path))
        for path in out.glob(f"trials/*/shape/{HISTORY}")
    }


def kill_in_the_middle(people: Path, out: Path) -> None:
    """Once a trial has finished and another is in its third epoch or later, so that the first one's checkpoint is written."""
    code = "import sys; from vitruvian.cli.main import main; sys.exit(main(sys.argv[1:]))"
    process = subprocess.Popen([sys.executable, "-c", code, *command(people, out)], stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 500
    try:
        while True:
            finished = set(outcomes(out))
            if finished and any(1 < done < 4 for name, done in epochs_done(out).items() if name not in finished):
                break
            assert process.poll() is None, f"the sweep ended before it was killed: {process.communicate()[0]}"
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_a_killed_sweep_goes_on_and_ends_as_an_undisturbed_one(
    people: Path, running_ray: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    killed, calm = tmp_path / "killed", tmp_path / "calm"
    kill_in_the_middle(people, killed)
    before, done = outcomes(killed), epochs_done(killed)
    assert 1 <= len(before) < TRIALS
    assert main(command(people, killed)) == 0
    said = capsys.readouterr().out
    assert f"{len(before)} of them ended before" in said and "continues after epoch" in said
    after = outcomes(killed)
    assert len(after) == TRIALS and all(after[name] == content for name, content in before.items())
    halfway = [name for name, epochs in done.items() if name not in before and epochs > 1]
    for name in halfway:
        starts = [
            event["step"] for event in read_history(killed / "trials" / name / "shape" / HISTORY) if event["event"] == "start"
        ]
        assert starts[-1] > 0, f"trial {name} began anew"

    assert main(command(people, calm)) == 0
    assert "best: trial" in capsys.readouterr().out
    for number in range(TRIALS):
        assert losses(killed / f"trials/{number:04d}/shape") == losses(calm / f"trials/{number:04d}/shape")
    tables = [json.loads((out / "trials.json").read_text()) for out in (killed, calm)]
    assert tables[0]["best"] == tables[1]["best"]
    scores = [[trial["outcome"]["metrics"] for trial in table["trials"]] for table in tables]
    assert scores[0] == scores[1]
    assert sorted(path.name for path in calm.iterdir() if not path.name.startswith(".")) == [
        "best.json", "plots", "report.html", "sweep.json", "trials", "trials.csv", "trials.json",
    ]  # fmt: skip
    _check_mlflow(calm, tables[1])
    _check_winner(people, calm, tables[1], tmp_path, capsys)

    assert main(command(people, calm, trials=TRIALS + 1)) == 0
    more = capsys.readouterr().out
    assert f"{TRIALS} of them ended before" in more and f"trial {TRIALS}: iou" in more
    assert main(command(people, calm, "--seed", "1")) == 2
    assert "holds a sweep with other settings" in capsys.readouterr().err


def _check_mlflow(out: Path, table: dict[str, Any]) -> None:
    """Trials are nested below the sweep's run; the winner is registered."""
    client = quiet_client(f"sqlite:///{out.parent / 'mlflow.db'}")
    sweep = client.get_run(table["facts"]["MLflow run"])
    assert sweep.info.status == "FINISHED" and sweep.data.metrics["trials/finished"] == TRIALS
    assert {"report.html", "trials.csv", "best.json"} <= {file.path for file in client.list_artifacts(sweep.info.run_id)}
    everything = client.search_runs([sweep.info.experiment_id], max_results=100)
    trials = [run for run in everything if run.data.tags.get("mlflow.parentRunId") == sweep.info.run_id]
    assert sorted(run.info.run_name for run in trials) == [f"trial {number}" for number in range(TRIALS)]
    for run in trials:
        stages = [one for one in everything if one.data.tags.get("mlflow.parentRunId") == run.info.run_id]
        assert [one.info.status for one in (run, *stages)] == ["FINISHED"] * 2
        assert stages[0].data.tags["vitruvian.data_fingerprint"] == table["facts"]["Fingerprint"]
        assert len(client.get_metric_history(stages[0].info.run_id, "held_out/iou")) == 5
    version = client.get_model_version_by_alias("pifu", "champion")
    best = next(trial for trial in table["trials"] if trial["number"] == table["best"])
    assert version.run_id == best["outcome"]["run_id"]


def _check_winner(people: Path, out: Path, table: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``train --recipe best.json`` gives the winner's very weights."""
    best = out / "best.json"
    again = tmp_path / "again"
    arguments = [
        "--data",
        str(people),
        "--out",
        str(again),
        "--num-workers",
        "0",
        "--cpus-per-worker",
        "1",
        "--pictures-every",
        "0",
    ]
    assert main(["train", "pifu", "--recipe", str(best), *arguments]) == 0
    capsys.readouterr()
    winner = out / f"trials/{table['best']:04d}/shape"
    assert losses(again / "shape") == losses(winner)
    assert read_card(again / "shape" / "weights").recipe == "tiny-schedule"
    mine, theirs = (load_weights(folder / "weights").state_dict for folder in (again / "shape", winner))
    assert all((mine[name] == theirs[name]).all() for name in theirs)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "trials", "more"),
    [
        ("asha", 6, ("--scheduler", "asha", "--reduction", "2")),
        ("optuna", 7, ("--search", "optuna")),
        ("pbt", 4, ("--scheduler", "pbt", "--vary", "rate", "drop", "--alias", "population")),
    ],
)
def test_schedulers_as_a_user_would_run_them(
    people: Path,
    running_ray: None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    trials: int,
    more: tuple[str, ...],
) -> None:
    out = tmp_path / name
    assert main(command(people, out, *more, trials=trials)) == 0
    said = capsys.readouterr().out
    table = json.loads((out / "trials.json").read_text())
    states = [trial["outcome"]["state"] for trial in table["trials"]]
    alias = "population" if name == "pbt" else "champion"
    version = quiet_client(f"sqlite:///{tmp_path}/mlflow.db").get_model_version_by_alias("pifu", alias)
    assert str(version.version) == "1" and f"registered: models:/pifu/1, models:/pifu@{alias}" in said
    if name == "asha":
        assert len(states) == 6 and "finished" in states and "stopped" in states and "stopped after epoch" in said
        stopped = next(trial for trial in table["trials"] if trial["outcome"]["state"] == "stopped")
        assert stopped["outcome"]["epochs"] < 5
        return
    if name == "optuna":  # the first five had values at random, the last one those of the sampler
        assert states == ["finished"] * 7 and table["facts"]["Values"] == "Optuna, TPE"
        return
    assert states == ["finished"] * 4
    lineages = [trial["lineage"] for trial in table["trials"] if trial["lineage"]]
    assert lineages, "no trial took over another's weights"
    for trial in table["trials"]:
        assert [epoch for epoch, _ in trial["curve"]] == [1, 2, 3, 4, 5]


@pytest.mark.slow
def test_a_metric_that_is_not_there_is_said_and_nothing_is_trained_on(
    people: Path, running_ray: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sweep"
    assert main(command(people, out, "--metric", "chamfer")) == 2
    said = capsys.readouterr()
    assert "--metric chamfer: is not measured. Of shape there is iou, mse, precision, ray_iou, recall." in said.err
    assert all(done <= 1 for done in epochs_done(out).values())


def test_bad_arguments_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments, words in (
        (["pofu"], "no method 'pofu'"),
        (["pifu", "--space", "rates"], "no search space 'rates'; choose from losses, network, sampling, schedule"),
        (["pifu", "--vary", "rates"], "it has rate, fall, drop, warmup"),
        (["pifu", "--set", "training.rate=1"], "'rate' is not an option"),
        (["pifu", "--data", "nowhere"], "nowhere"),
        (["geopifu", "--part", "shape=x", "--data", "nowhere"], "no trial over schedule uses it; they use coarse"),
    ):
        assert main(["tune", *arguments]) == 2
        assert words in capsys.readouterr().err
    assert not list(tmp_path.glob("runs/data/*")) and [path.name for path in tmp_path.iterdir()] in ([], ["runs"])
