"""The cluster files are checked offline: against Ray's schema, by the rules that ``ray up`` and KubeRay's autoscaler apply, and
against what the documents say of them."""

from __future__ import annotations

import json
import re
import shlex
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
import ray.autoscaler
import yaml
from ray.autoscaler._private.kuberay.autoscaling_config import _derive_autoscaling_config_from_ray_cr
from ray.autoscaler._private.util import prepare_config, validate_config
from ray.scripts.scripts import cli as ray_program

from vitruvian.cli.main import COMMANDS, main
from vitruvian.datagen.pipeline.crew_size import RESOURCE_VARIABLE
from vitruvian.ray_job import FOLDER_VARIABLE
from vitruvian.serve.settings import settings_from

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Ray Serve uses what pydantic deprecates
    from ray.serve.schema import ServeDeploySchema

    from vitruvian.serve.application import NAME, build
    from vitruvian.serve.server import PROXY_CALLBACK, RIM_CALLBACK

ROOT = Path(__file__).resolve().parent.parent.parent
RAY_UP = ("cluster.yaml", "cluster/on-premise.yaml")
KUBERAY = ("cluster/kuberay.yaml", "cluster/kuberay-jobs.yaml", "cluster/kuberay-serve.yaml")
IMAGE = "cluster/Dockerfile"
GUIDE = "docs/operations.md"
SHARED = "/mnt/vitruvian"


def read(name: str) -> str:
    return (ROOT / name).read_text()


def documents(name: str) -> dict[str, Any]:
    """The objects of a file for Kubernetes, by kind and name."""
    return {f"{each['kind']}/{each['metadata']['name']}": each for each in yaml.safe_load_all(read(name))}


@pytest.mark.parametrize("name", RAY_UP)
def test_ray_up_takes_the_file(name: str) -> None:
    config = yaml.safe_load(read(name))
    schema = json.loads((Path(ray.autoscaler.__file__).parent / "ray-schema.json").read_text())
    jsonschema.validate(config, schema)
    validate_config(prepare_config(config))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**config, "max_worker": 3}, schema)


@pytest.mark.parametrize("name", RAY_UP)
def test_every_machine_has_the_token_and_the_dashboard_is_private(name: str) -> None:
    config = yaml.safe_load(read(name))
    target = next(target for target, source in config["file_mounts"].items() if source == "~/.ray/auth_token")
    everywhere = " ".join(config.get("docker", {}).get("run_options", []))
    for commands in ("head_start_ray_commands", "worker_start_ray_commands"):
        start = config[commands][-1]
        said = f"{everywhere} {start}"
        assert "ray start" in start and "RAY_AUTH_MODE=token" in said
        path = re.search(r"RAY_AUTH_TOKEN_PATH=(\S+)", said)
        assert path and path[1].replace("$HOME", "~") == target
        assert f"{FOLDER_VARIABLE}={SHARED}" in said
    assert "--dashboard-host=127.0.0.1" in config["head_start_ray_commands"][-1]
    assert not [port for port in ("8265", "6379") if port in json.dumps(config.get("provider"))], "no port is opened"


def test_machines_on_aws_come_from_zero_and_keep_to_their_work() -> None:
    config = prepare_config(yaml.safe_load(read("cluster.yaml")))
    head, datagen, train = (config["available_node_types"][name] for name in ("head", "datagen", "train"))
    assert config["head_node_type"] == "head" and head["resources"] == {"CPU": 0} and head["max_workers"] == 0
    assert datagen["min_workers"] == train["min_workers"] == 0 < datagen["max_workers"]
    assert datagen["max_workers"] + train["max_workers"] == config["max_workers"]
    assert datagen["node_config"]["InstanceMarketOptions"] == {"MarketType": "spot"}
    assert "InstanceMarketOptions" not in train["node_config"] and train["resources"]["GPU"] == 1
    assert datagen["resources"]["datagen"] == datagen["resources"]["CPU"] and "datagen" not in train["resources"]
    assert f"--env {RESOURCE_VARIABLE}=datagen" in config["docker"]["run_options"]
    assert train["docker"]["worker_run_options"] == ["--gpus all"]
    for kind in (head, datagen, train):  # without a group of its own Ray makes one that lets the world try ssh
        assert kind["node_config"]["SecurityGroupIds"] == ["sg-CHANGE"]
        assert kind["node_config"]["IamInstanceProfile"]


def test_kuberay_derives_what_is_meant() -> None:
    objects = documents("cluster/kuberay.yaml")
    cluster = objects["RayCluster/vitruvian"]
    assert cluster["spec"]["enableInTreeAutoscaling"] and cluster["spec"]["autoscalerOptions"]["version"] == "v2"
    assert cluster["spec"]["authOptions"] == {"mode": "token", "secretName": "vitruvian-token"}
    derived = _derive_autoscaling_config_from_ray_cr(cluster)
    validate_config(derived)
    kinds = {
        name: ({key: value for key, value in kind["resources"].items() if key != "memory"}, kind["min_workers"])
        for name, kind in derived["available_node_types"].items()
    }
    assert kinds == {
        "headgroup": ({"CPU": 0}, 0),
        "datagen": ({"CPU": 16, "datagen": 16}, 0),
        "train": ({"CPU": 14, "GPU": 1}, 0),
    }
    for container, volumes in containers(cluster["spec"]):
        variables = {each["name"]: each["value"] for each in container["env"]}
        assert variables[FOLDER_VARIABLE] == SHARED and variables[RESOURCE_VARIABLE] == "datagen"
        assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes)
        assert volumes["shared"]["persistentVolumeClaim"]["claimName"] == "vitruvian"
    assert objects["PersistentVolumeClaim/vitruvian"]["spec"]["accessModes"] == ["ReadWriteMany"]
    policy = objects["NetworkPolicy/vitruvian"]["spec"]
    assert policy["podSelector"]["matchLabels"] == {"ray.io/cluster": cluster["metadata"]["name"]}


def test_jobs_on_kubernetes_are_commands_for_that_cluster(capsys: pytest.CaptureFixture[str]) -> None:
    jobs = documents("cluster/kuberay-jobs.yaml")
    assert len(jobs) == 3
    for job in jobs.values():
        assert job["kind"] == "RayJob" and job["spec"]["clusterSelector"] == {"ray.io/cluster": "vitruvian"}
        words = shlex.split(job["spec"]["entrypoint"])
        assert words[words.index("--out") + 1].startswith(f"{SHARED}/")
        check_vitruvian(words, capsys)


def test_the_service_on_kubernetes_is_one_that_serve_takes() -> None:
    service = documents("cluster/kuberay-serve.yaml")["RayService/vitruvian"]
    config = yaml.safe_load(service["spec"]["serveConfigV2"])
    deployed = ServeDeploySchema.model_validate(config)
    assert set(config) <= set(ServeDeploySchema.model_fields)
    (application,) = deployed.applications
    assert (application.name, application.import_path) == (NAME, f"{build.__module__}:{build.__name__}")
    settings = settings_from(application.args)
    assert settings.token_file == "/etc/vitruvian-serve/token", "no server for the world without a token"
    cluster = {"metadata": service["metadata"], "spec": service["spec"]["rayClusterConfig"]}
    derived = _derive_autoscaling_config_from_ray_cr(cluster)
    replicas = derived["available_node_types"]["serve"]
    assert replicas["resources"]["CPU"] >= settings.cores_per_replica and replicas["max_workers"] == settings.max_replicas
    for container, volumes in containers(cluster["spec"]):
        assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes)


def containers(spec: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each group's container and its volumes by name; checks that no group runs as root."""
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        pod = group["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] and len(pod["containers"]) == 1
        assert not pod["containers"][0]["securityContext"]["allowPrivilegeEscalation"]
        yield pod["containers"][0], {volume["name"]: volume for volume in pod["volumes"]}


def test_the_versions_are_those_that_are_tested() -> None:
    pins = dict(line.split("==") for line in read("constraints.txt").splitlines() if "==" in line)
    for name in ("cluster/kuberay.yaml", "cluster/kuberay-serve.yaml"):
        assert set(re.findall(r"rayVersion: (\S+)", read(name))) == {pins["ray"]}


def test_the_image_is_made_of_what_is_there() -> None:
    image = read(IMAGE)
    ignored = read(f"{IMAGE}.dockerignore").splitlines()
    copied = [words.split()[1:-1] for words in re.findall(r"^COPY (?!--from).*$", image, re.MULTILINE)]
    for source in (each for line in copied for each in line):
        assert (ROOT / source).exists() and f"!{source}" in ignored, source
    assert {"cloud", "serve", "tune"} == set(re.search(r"\[([a-z,]+)\]\" boto3", image)[1].split(","))  # type: ignore[index]
    extras = read("pyproject.toml")
    assert all(re.search(rf"^{extra} = \[", extras, re.MULTILINE) for extra in ("cloud", "serve", "tune"))
    assert f"{PROXY_CALLBACK}={RIM_CALLBACK}" in image and "RAY_AUTH_MODE=token" in image
    for need in ("rsync", "openssh-client", "wget"):
        assert need in image
    assert image.rstrip().splitlines()[-2] == "USER ray"


def test_every_value_to_fill_in_is_explained() -> None:
    marks = set()
    for name in (*RAY_UP, *KUBERAY):
        marks |= set(re.findall(r"(?:ami-|sg-)?CHANGE(?:-[a-z0-9-]+)?", read(name))) - {"CHANGE"}
    assert len(marks) > 10
    guide = read(GUIDE)
    assert not [mark for mark in sorted(marks) if f"`{mark}`" not in guide]
    told = set(re.findall(r"`((?:ami-|sg-)?CHANGE(?:-[a-z0-9-]+)?)`", guide)) - {"CHANGE"}
    assert told == marks, "the guide explains values that are in no file"


def commands(name: str) -> Iterator[list[str]]:
    """The command lines of ``ray`` and ``vitruvian`` that a file shows: in blocks of the guide, in comments of the others."""
    text = read(name)
    lines = re.findall(r"^```bash\n(.*?)^```", text, re.MULTILINE | re.DOTALL) if name.endswith(".md") else [text]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        found = re.match(r"#?\s*((?:ray|vitruvian|kubectl) .*)", line)
        if found and (name.endswith(".md") or line.startswith("#   ")):
            words = shlex.split(re.split(r"\s{3,}|  # ", found[1])[0])
            yield words


def check_vitruvian(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The command exists and has the flags."""
    assert words[0] == "vitruvian"
    if words[1].startswith("-"):
        return
    assert words[1] in COMMANDS, words
    with pytest.raises(SystemExit):
        main([words[1], "--help"])
    said = capsys.readouterr().out
    for word in words[2:]:
        if word.startswith("--"):
            assert re.search(rf"{re.escape(word)}\b", said), f"{words[1]} has no {word}"


@pytest.mark.parametrize("name", [GUIDE, *RAY_UP, *KUBERAY])
def test_every_command_that_is_shown_exists(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = list(commands(name))
    assert shown or name == "cluster/kuberay-jobs.yaml"
    for words in shown:
        own = words
        if "--" in words:
            own, job = words[: words.index("--")], words[words.index("--") + 1 :]
            check_vitruvian(job, capsys)
        if own[0] == "vitruvian":
            check_vitruvian(own, capsys)
        elif own[0] == "ray":
            check_ray(own)


def check_ray(words: list[str]) -> None:
    command: Any = ray_program
    rest = words[1:]
    while isinstance(command, click.Group):
        assert rest[0] in command.commands, words
        command, rest = command.commands[rest[0]], rest[1:]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    for word in rest:
        if word.startswith("--"):
            assert word.split("=")[0] in known, f"{' '.join(words)}: ray has no {word}"
