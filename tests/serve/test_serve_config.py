"""The command's words and errors, and its file for ``serve deploy``: every key is one that Ray knows, and it really deploys."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from vitruvian.cli.main import main
from vitruvian.serve.settings import TOKEN_VARIABLE, settings_from

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Ray's own, when its schemas are imported
DEPLOY = """
import json, os, sys, time
from pathlib import Path

import httpx, yaml

from vitruvian.ray_local import prepare_environment, start_ray
from vitruvian.serve.server import PROXY_CALLBACK, RIM_CALLBACK, Address, check_address
from vitruvian.serve.settings import Settings

prepare_environment()
os.environ[PROXY_CALLBACK] = RIM_CALLBACK
os.environ["RAY_SERVE_LOG_TO_STDERR"] = "0"
config = yaml.safe_load(Path(sys.argv[1]).read_text())
port = config["http_options"]["port"] = check_address(Address(port=0), Settings()).port
url = f"http://127.0.0.1:{port}"
found = {}
with start_ray(4):
    from ray import serve
    from ray.serve._private.api import serve_start
    from ray.serve.schema import ServeDeploySchema

    token = {"Authorization": "Bearer " + Path(sys.argv[2]).read_text().strip()}
    def models():
        return [model["name"] for model in httpx.get(url + "/v1/models", headers=token).json()["models"]]
    def started():
        return httpx.get(url + "/metrics", headers=token).text.split("vitruvian_process_start_time_seconds ")[1].split()[0]
    try:
        schema = ServeDeploySchema(**config)
        client = serve_start(http_options=config["http_options"] | {"location": "HeadOnly"})
        client.deploy_apps(schema, _blocking=False)
        end = time.monotonic() + 200
        def status():
            application = serve.status().applications.get("vitruvian")
            return None if application is None else application.status
        while status() != "RUNNING":
            assert time.monotonic() < end, serve.status()
            time.sleep(0.3)
        found["without"] = httpx.get(url + "/v1/models").status_code
        found["before"] = models()
        before = started()
        picture = Path(sys.argv[3]).read_bytes()
        form = {"files": {"picture": picture}, "data": {"resolution": "48"}}
        answer = httpx.post(url + "/v1/reconstruct", **form, headers=token, timeout=120)
        found["answer"] = [answer.status_code, answer.content[:4].decode("latin-1")]
        front = next(one for one in config["applications"][0]["deployments"] if one["name"] == "Front")
        front["user_config"]["models"] = ["pifu", "second=pifu"]
        client.deploy_apps(ServeDeploySchema(**config), _blocking=False)
        while models() != ["pifu", "second"]:
            assert time.monotonic() < end
            time.sleep(0.2)
        found["after"] = models()
        found["restarted"] = started() != before
    finally:
        print("FOUND " + json.dumps(found), flush=True)
        serve.shutdown()
"""


def refuses(arguments: list[str], capsys: pytest.CaptureFixture[str], *words: str) -> None:
    try:
        code = main(["serve", *arguments])
    except SystemExit as exit_:
        code = int(str(exit_.code))
    output = capsys.readouterr()
    assert code == 2 and "Traceback" not in output.err, output
    for word in words:
        assert word in " ".join(output.err.split()), output.err


def test_wrong_words_are_told_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (TOKEN_VARIABLE, "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refuses(["--port", str(port)], capsys, f"--port {port}", "in use", "another --port")
    refuses(["--host", "0.0.0.0"], capsys, "needs an API token", TOKEN_VARIABLE)
    refuses(["--models", "nobody", "--port", "0"], capsys, "nobody", "there is no such")
    refuses(["--models", "pifu", "pifu", "--port", "0"], capsys, "there is another 'pifu'", "NAME=pifu")
    refuses(["--models", "a/b=pifu", "--port", "0"], capsys, "a/b", "must be of letters")
    refuses(["--models", "models:/pifu@tiny", "--port", "0"], capsys, "where is the registry")
    refuses(["--token-file", "gone", "--host", "0.0.0.0", "--port", "0"], capsys, "--token-file", "cannot be read")
    refuses(["--limits.queue", "0"], capsys, "queue and burst must be at least 1")
    refuses(["--batch-size", "0"], capsys, "--batch-size")


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("vitruvian.cli.serve.NEEDED", ("fastapi", "no_such_module"))
    refuses([], capsys, "needs no_such_module", "pip install -e '.[serve]'")


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["serve", "--help"])
    assert left.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for word in ("curl -F picture=@photo.jpg", "models:/NAME@ALIAS", "--write-config", "--limits.upload-megabytes", "SIGTERM"):
        assert word in text


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    """The file of ``--write-config`` for one model, with a token file beside it."""
    (tmp_path / "token").write_text("a-token-of-24-characters\n")
    path = tmp_path / "serve.yaml"
    arguments = ["--models", "pifu", "--token-file", str(tmp_path / "token"), "--cores-per-replica", "1", "--max-replicas", "2"]
    assert main(["serve", *arguments, "--write-config", str(path)]) == 0
    return yaml.safe_load(path.read_text())


def test_every_key_of_the_file_is_known(config: dict[str, Any]) -> None:
    """Ray itself accepts unknown keys at every level, and ignores them."""
    from ray.serve.config import AutoscalingConfig
    from ray.serve.schema import (
        DeploymentSchema,
        HTTPOptionsSchema,
        LoggingConfig,
        RayActorOptionsSchema,
        ServeApplicationSchema,
        ServeDeploySchema,
    )

    ServeDeploySchema(**config)
    assert config["http_options"]["host"] == "127.0.0.1" and config["proxy_location"] == "HeadOnly"
    (application,) = config["applications"]
    known = [
        (config, ServeDeploySchema),
        (config["http_options"], HTTPOptionsSchema),
        (config["logging_config"], LoggingConfig),
        (application, ServeApplicationSchema),
    ]
    for deployment in application["deployments"]:
        known += [(deployment, DeploymentSchema), (deployment["ray_actor_options"], RayActorOptionsSchema)]
        if "autoscaling_config" in deployment:
            known.append((deployment["autoscaling_config"], AutoscalingConfig))
            assert "num_replicas" not in deployment
    for given, schema in known:
        assert set(given) <= set(schema.model_fields), (set(given) - set(schema.model_fields), schema)
    assert {deployment["name"] for deployment in application["deployments"]} == {"Front", "Models"}
    settings = settings_from(application["args"])
    assert settings.models == ("pifu",) and settings.token() == "a-token-of-24-characters"
    assert application["import_path"] == "vitruvian.serve.application:build"


def test_a_public_file_needs_a_token_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refuses(["--host", "0.0.0.0", "--write-config", str(tmp_path / "serve.yaml")], capsys, "Give --token-file")
    assert not (tmp_path / "serve.yaml").exists()


@pytest.mark.slow
def test_it_deploys_and_changes_models_without_a_restart(config: dict[str, Any], tmp_path: Path, photo: bytes) -> None:
    (tmp_path / "photo.jpg").write_bytes(photo)
    (tmp_path / "deploy.py").write_text(DEPLOY)
    environment = {name: value for name, value in os.environ.items() if name not in ("MLFLOW_TRACKING_URI", TOKEN_VARIABLE)}
    command = [sys.executable, "deploy.py", "serve.yaml", "token", "photo.jpg"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=400, env=environment)
    lines = [line for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    assert lines, done.stdout[-3000:] + done.stderr[-3000:]
    found = json.loads(lines[0].removeprefix("FOUND "))
    assert found == {
        "without": 401,
        "before": ["pifu"],
        "answer": [200, "glTF"],
        "after": ["pifu", "second"],
        "restarted": False,
    }, done.stderr[-3000:]
