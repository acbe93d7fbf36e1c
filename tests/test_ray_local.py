"""Ray starts privately and only once."""

import ray

from vitruvian.ray_local import start_ray


def test_a_private_instance_starts_once_and_stops(monkeypatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with start_ray(1, env_vars={"VITRUVIAN_TEST": "yes"}):
        node = ray.nodes()[0]
        assert node["NodeManagerAddress"] == "127.0.0.1"
        assert ray.cluster_resources()["CPU"] == 1
        with start_ray(7):  # nested: the running instance is used and left running
            pass
        assert ray.is_initialized()

        @ray.remote
        def variable() -> str | None:
            import os

            return os.environ.get("VITRUVIAN_TEST")

        assert ray.get(variable.remote()) == "yes"
    assert not ray.is_initialized()
