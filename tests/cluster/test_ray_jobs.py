"""``ray job submit -- vitruvian ...`` as a user types it, against a head of its own with a token: what runs on a laptop runs
unchanged, is stopped and submitted again, and says what is wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from ray_head import RAY, Head, ray_head, wait_until

from vitruvian import __version__, ray_job
from vitruvian.cli.main import main
from vitruvian.code_version import code_version
from vitruvian.errors import InputError
from vitruvian.mlflow_store import quiet_client
from vitruvian.ray_local import LOCAL_ENVIRONMENT
from vitruvian.shards.manifest import MANIFEST, read_manifest
from vitruvian.train.launch import largest_share

ROOT = Path(__file__).resolve().parent.parent.parent
DATA = ("--source", "meshes", "--block-size", "1", "--held-out", "2", "--views-per-subject", "4", "--size-px", "192",
        "--query-points", "5000", "--voxel-resolution", "32", "--num-subjects", "12")  # fmt: skip
TRAINING = ("training.epochs=1", "training.validation_samples=1", "training.batch_size=8", "samples.num_points=50",
            "options.num_hourglass=1")  # fmt: skip


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What all machines of the cluster share."""
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="module")
def head(shared: Path) -> Iterator[Head]:
    environment = {
        "MLFLOW_TRACKING_URI": f"sqlite:///{shared}/mlflow.db",
        "RAY_JOB_STOP_WAIT_TIME_S": "120",  # as in our cluster files: a job may end in order
    }
    with ray_head(num_cpus=2, environment=environment) as started:
        yield started


def ray(head: Head, *words: str) -> subprocess.CompletedProcess[str]:
    """The program ``ray``, in a checkout, as somebody who has the token."""
    environment = {**head.environment, "RAY_API_SERVER_ADDRESS": head.dashboard, "COLUMNS": "200"}
    return subprocess.run([*RAY, *words], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500, check=False)


def submit(head: Head, *words: str | Path, submission: tuple[str, ...] = ()) -> str:
    """Run a command as a job to its end; what it printed."""
    done = ray(head, "job", "submit", "--working-dir", ".", *submission, "--", "vitruvian", *map(str, words))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "succeeded" in done.stdout
    return done.stdout


def status(head: Head, job: str) -> dict:
    code, body = head.get(f"/api/jobs/{job}", token=head.token)
    assert code == 200, body
    return json.loads(body)


@pytest.mark.slow
@pytest.mark.timeout(1800)  # a busy machine
def test_data_weights_and_figures_by_jobs_one_of_them_stopped_on_the_way(
    head: Head, shared: Path, meshes_folder: Path, tmp_path: Path
) -> None:
    # Results that would be lost are refused, before any work.
    done = ray(head, "job", "submit", "--working-dir", ".", "--", "vitruvian", "datagen", "--out", "runs/people")
    assert done.returncode == 1, "ray says 1 whatever the command said"
    said = " ".join(done.stdout.split())
    assert "error: --out runs/people: results under a relative path are lost with a job's own folder." in said
    assert "failed with exit code 2" in said

    # Data: stopped after some blocks, submitted again, the same as without jobs.
    data, calm = shared / "people", tmp_path / "calm"
    datagen = ["datagen", *DATA, "--folder", str(meshes_folder)]
    command = ["vitruvian", *datagen, "--out", str(data), "--num-actors", "1"]
    begun = ray(head, "job", "submit", "--working-dir", ".", "--no-wait", "--submission-id", "people", "--", *command)
    assert begun.returncode == 0, begun.stdout + begun.stderr

    def a_block_is_finished() -> bool:
        assert status(head, "people")["status"] in ("PENDING", "RUNNING"), status(head, "people")["message"]
        return (data / MANIFEST).exists() and bool((data / MANIFEST).read_text())

    wait_until(a_block_is_finished, "a block is finished", pause_s=0.05)
    assert head.get("/api/jobs/people/stop", token=head.token, data=b"")[0] == 200  # what ``ray job stop people`` sends
    wait_until(lambda: status(head, "people")["status"] not in ("PENDING", "RUNNING"), "the job is stopped")
    assert status(head, "people")["status"] == "STOPPED"
    before = len(read_manifest(data))
    assert 1 <= before < 12
    logs = json.loads(head.get("/api/jobs/people/logs", token=head.token)[1])["logs"]
    assert "What was finished is kept; the same command continues from there." in logs
    said = submit(head, *command[1:])
    assert "datagen 12/12 subjects" in said, "progress without a terminal"
    assert main([*datagen, "--out", str(calm), "--num-actors", "0", "--no-track"]) == 0
    assert {block: entry.sha256 for block, entry in read_manifest(data).items()} == {
        block: entry.sha256 for block, entry in read_manifest(calm).items()
    }

    # Weights: on Ray Train's worker, and the better of two trials, with a variable that the sweep would set, too.
    run, sweep = shared / "run", shared / "sweep"
    train = ("train", "pifu", "--data", data, "--out", run, "--num-workers", "1", "--cpus-per-worker", "1")
    said = submit(head, *train, "--pictures-every", "0", "--set", *TRAINING)
    assert "epoch 1/1" in said and f"weights of shape: {run / 'shape' / 'weights'}" in said
    variables = ("--runtime-env-json", json.dumps({"env_vars": {"OMP_NUM_THREADS": "1"}}))
    tune = ("tune", "pifu", "--data", data, "--out", sweep, "--space", "schedule", "--trials", "2", "--concurrent", "2")
    said = submit(head, *tune, "--set", *TRAINING, submission=variables)
    assert "best: trial" in said and (sweep / "best.json").exists()

    # Figures: on a machine that gives the command itself a core.
    evaluate = ("evaluate", "--data", data, "--weights", run, "--max-subjects", "1", "--cell-mm", "40", "--no-report")
    submit(head, *evaluate, "--out", shared / "eval", submission=("--entrypoint-num-cpus", "1"))
    assert json.loads((shared / "eval" / "metrics.json").read_text())

    client = quiet_client(f"sqlite:///{shared}/mlflow.db")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of MLflow about its own dependencies
        runs = {each.name: client.search_runs([each.experiment_id]) for each in client.search_experiments()}
    assert {each.info.status for listed in runs.values() for each in listed} == {"FINISHED"}
    assert len(runs["datagen"]) == 1, "the stopped job's run was continued"
    assert {name for name, listed in runs.items() if listed} >= {"datagen", "pifu", "evaluation"}


@pytest.mark.slow
@pytest.mark.timeout(1800)  # a busy machine
def test_a_heads_ports_listen_on_loopback_and_want_the_token_and_somebody_elses_ray_outlives_it(head: Head) -> None:
    theirs = [process for process in head.processes() if process.name() in ("raylet", "gcs_server")]
    assert LOCAL_ENVIRONMENT["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] == "0"
    with ray_head(num_cpus=0) as ours:
        processes = ours.processes()
        listening = {address for process in processes for address in listens(process)}
        assert {address.port for address in listening} >= {ours.ports["port"], ours.ports["dashboard-port"]}
        assert {address.ip.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}
        for path in ("/api/jobs/", "/api/version", "/api/v0/nodes", "/nodes?view=summary", "/logical/actors"):
            assert ours.get(path)[0] == 401, path
            assert ours.get(path, token="0" * 64)[0] in (401, 403), path
            assert ours.get(path, token=ours.token)[0] == 200, path
        assert ours.get("/api/version", token=head.token)[0] in (401, 403), "each head has a token of its own"
        refused = ray_without_token(ours)
        assert refused.returncode != 0 and "token" in (refused.stdout + refused.stderr).lower()
    assert len(processes) > 5 and not any(process.is_running() for process in processes)
    assert len(theirs) == 2 and all(process.is_running() for process in theirs)
    assert head.get("/api/jobs/", token=head.token)[0] == 200


def listens(process: psutil.Process) -> list[Any]:
    try:
        return [each.laddr for each in process.net_connections("inet") if each.status == psutil.CONN_LISTEN]
    except psutil.Error:  # gone meanwhile
        return []


def ray_without_token(head: Head) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in head.environment.items() if name != "RAY_AUTH_TOKEN"}
    environment |= {"RAY_AUTH_MODE": "token", "HOME": str(head.temp_dir)}  # not the token that this user may have at home
    command = [*RAY, "job", "list", "--address", head.dashboard]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def in_a_job(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """This process is a job's entrypoint."""
    job = {"metadata": {"job_submission_id": "raysubmit_1"}, "runtime_env": {"env_vars": {"OMP_NUM_THREADS": "1"}}}
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps(job))
    monkeypatch.delenv(ray_job.FOLDER_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)


def test_relative_paths_of_a_job_are_below_the_clusters_folder(
    in_a_job: None, tmp_path: Path, meshes_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ray_job.job_id() == "raysubmit_1" and ray_job.job_variables() == {"OMP_NUM_THREADS": "1"}
    command = ["datagen", "--source", "meshes", "--folder", str(meshes_folder), "--num-subjects", "2", "--no-track"]
    command += ["--size-px", "64", "--views-per-subject", "1", "--query-points", "50", "--items", "mask", "--num-actors", "0"]
    assert main([*command, "--out", "runs/people"]) == 2
    assert "--out runs/people: results under a relative path" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
    monkeypatch.setenv(ray_job.FOLDER_VARIABLE, str(tmp_path / "shared"))
    assert main([*command, "--out", "runs/people"]) == 0
    assert f"relative paths are below {tmp_path / 'shared'}" in capsys.readouterr().err
    assert (tmp_path / "shared" / "runs" / "people" / MANIFEST).exists()
    monkeypatch.setenv(ray_job.FOLDER_VARIABLE, "shared")
    assert main([*command, "--out", "/nowhere"]) == 2
    assert "must be an absolute path" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["train", "pifu"], "without --out, results go to runs/pifu-tiny"),
        (["train", "pifu", "--out", "mine"], "--out mine"),
        (["evaluate", "--data", "/data", "--weights", "/run", "--out", "eval"], "--out eval"),
    ],
)
def test_every_command_refuses_results_that_would_be_lost(
    in_a_job: None, command: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 2
    assert f"error: {words}: results under a relative path are lost" in capsys.readouterr().err


def test_what_is_not_lost_is_not_refused(in_a_job: None, monkeypatch: pytest.MonkeyPatch) -> None:
    class Options:
        def __init__(self, out: object) -> None:
            self.out = out

    for out in ("/shared/people", Path("/shared/people"), "s3://bucket/people", None):
        ray_job.refuse_lost_results(Options(out))
    ray_job.refuse_lost_results(object())
    with pytest.raises(InputError):
        ray_job.refuse_lost_results(Options("people"))
    monkeypatch.delenv("RAY_JOB_CONFIG_JSON_ENV_VAR")
    ray_job.refuse_lost_results(Options("people"))


def test_a_command_that_is_asked_to_end_ends_as_one_that_is_interrupted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    try:
        ray_job.end_in_order()
        monkeypatch.setattr("vitruvian.cli.doctor.main", lambda arguments, program: os.kill(os.getpid(), signal.SIGTERM))
        assert main(["doctor"]) == 143
        assert "the same command continues" in capsys.readouterr().err
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN, "the second one changes nothing"
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_job_knows_the_commit_it_came_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("vitruvian.code_version._root", lambda: tmp_path)
    monkeypatch.setenv("VITRUVIAN_CODE", "1234567890.dirty")
    assert code_version() == f"{__version__}+g1234567890.dirty"
    monkeypatch.delenv("VITRUVIAN_CODE")
    assert code_version() == __version__


def test_every_worker_finds_a_machine_with_its_cores() -> None:
    assert largest_share(1, [2]) == 2 and largest_share(2, [2]) == 1 and largest_share(2, [0, 5]) == 2
    assert largest_share(2, [16, 16]) == 16 and largest_share(3, [16, 16]) == 8 and largest_share(1, [16, 64]) == 64
    assert largest_share(4, []) == 1 and largest_share(3, [1]) == 1
