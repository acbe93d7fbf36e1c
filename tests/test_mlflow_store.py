"""A new MLflow store is there whole or not at all."""

import sqlite3
import warnings
from contextlib import closing
from pathlib import Path

import pytest

from vitruvian.mlflow_store import experiment_id, quiet_client


def test_a_store_whose_making_was_cut_short_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations between MLflow and its own dependencies
        from mlflow.store.tracking import sqlalchemy_store

    uri, half = f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / ".mlflow.db.unfinished"

    def killed(address: str, root: str) -> None:
        assert address == f"sqlite:///{half}"
        with closing(sqlite3.connect(half)) as base:
            base.execute("CREATE TABLE review_queues (id INTEGER)")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sqlalchemy_store, "SqlAlchemyStore", killed)
        with pytest.raises(KeyboardInterrupt):
            quiet_client(uri)
    assert half.exists() and not (tmp_path / "mlflow.db").exists()
    client = quiet_client(uri)
    assert not half.exists()
    run = client.create_run(experiment_id(client, uri, "people"))
    client.log_metric(run.info.run_id, "seen", 1.0)
    assert quiet_client(uri).get_run(run.info.run_id).data.metrics == {"seen": 1.0}
