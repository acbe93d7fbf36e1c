"""cluster.yaml is checked offline against the schema and the consistency rules that ``ray up`` applies."""

import json
from pathlib import Path

import jsonschema
import ray.autoscaler
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

ROOT = Path(__file__).resolve().parent.parent


def test_cluster_yaml_is_one_that_ray_up_takes() -> None:
    config = yaml.safe_load((ROOT / "cluster.yaml").read_text())
    schema = json.loads((Path(ray.autoscaler.__file__).parent / "ray-schema.json").read_text())
    jsonschema.validate(config, schema)
    validate_config(prepare_config(config))
    types = config["available_node_types"]
    assert types["datagen"]["min_workers"] == 0
    assert types[config["head_node_type"]]["resources"]["CPU"] == 0
