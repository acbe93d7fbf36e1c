"""Ray starts privately and only once."""

import pytest
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


def test_a_start_that_ran_out_of_time_is_repeated_and_no_other_failure_is(monkeypatch) -> None:
    starts = []

    def init(**arguments: object) -> None:
        starts.append(arguments)
        raise Exception("The current node timed out during startup." if len(starts) < 3 else "No such luck.")

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(Exception, match="No such luck"), start_ray(1):
        pass
    assert len(starts) == 3 and starts[0] == starts[2]
