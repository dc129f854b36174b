"""What an earlier version wrote still means what it meant: its database, capsule and links, kept in tests/earlier/.

`schema_4` and `schema_5` were each written by the last version with that schema: runs of every variant, of both losses,
of two estimators, on images of one's own, and of a sweep. `runs.json` is what that version printed of them.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from vae.config import RunConfig
from vae.exports import capsule
from vae.exports.rerun import REPRODUCED, WITHIN, reproduce
from vae.exports.run_json import document
from vae.settings import Settings
from vae.store import uploaded_images
from vae.store.runs import Store
from vae.sweeps import stored

EARLIER = Path(__file__).parent.parent / "earlier"
VERSIONS = sorted(folder.name for folder in EARLIER.iterdir())


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> Path:
    return EARLIER / request.param


@pytest.fixture
def old(version: Path, tmp_path: Path) -> Store:
    """Its database, brought up by being opened."""
    path = tmp_path / "old.db"
    path.write_bytes(gzip.decompress((version / "runs.db.gz").read_bytes()))
    return Store(f"sqlite:///{path}")


def printed(version: Path) -> list[dict[str, Any]]:
    return json.loads((version / "runs.json").read_text(encoding="utf-8"))


def test_every_number_of_an_old_database_reads_back(old: Store, version: Path) -> None:
    then = printed(version)
    assert len(then) >= 5
    for run in then:
        now = json.loads(json.dumps(document(old, run["run_id"])))
        assert {name: now["config"][name] for name in run["config"]} == run["config"]
        for name, variant in run["variants"].items():
            now_rows = [
                now["variants"][name]["initial"],
                *now["variants"][name]["epochs"],
                now["variants"][name]["test"],
            ]
            for was, row in zip([variant["initial"], *variant["epochs"], variant["test"]], now_rows, strict=True):
                assert {metric: row[metric] for metric in was} == was
        assert {name: now[name] for name in ("status", "error", "versions", "data", "seconds")} == {
            name: run[name] for name in ("status", "error", "versions", "data", "seconds")
        }


def test_its_runs_can_be_replayed(old: Store, version: Path) -> None:
    for run in printed(version):
        config = RunConfig.parse(run["config"])
        for epoch in range(config.epochs + 1):
            assert set(old.snapshots(run["run_id"], epoch)) == set(config.variants)
        assert set(old.weights(run["run_id"], config.epochs)) == set(config.variants)


def test_its_images_and_sweeps_are_there(old: Store, tmp_path: Path) -> None:
    (kept,) = uploaded_images.listed(old)
    images = uploaded_images.load(old, kept.name, tmp_path)
    assert (images.classes, images.shape, len(images.train_x), len(images.test_x)) == (("cta", "dgo"), (1, 6, 6), 20, 4)
    (sweep,) = stored.listed(old)
    assert [member.status for member in stored.members(old, sweep.id)] == ["done", "done"]


def test_an_old_capsule_is_what_the_old_database_would_give_today(old: Store, version: Path) -> None:
    sealed = capsule.read((version / "capsule.json").read_bytes())
    assert not sealed.altered
    for record in sealed.runs:
        (run_id,) = (run["run_id"] for run in printed(version) if RunConfig.parse(run["config"]) == record.config)
        now = capsule.record(old, run_id)
        assert (now.config, now.dataset, now.metrics, now.weights) == (
            record.config,
            record.dataset,
            record.metrics,
            record.weights,
        )


def test_an_old_capsule_reproduces(old: Store, version: Path, settings: Settings) -> None:
    """Bit for bit where the machine and the versions are those it was made on."""
    sealed = capsule.read((version / "capsule.json").read_bytes())
    outcomes = reproduce(old, sealed, settings)
    assert len(outcomes) == 3
    for outcome in outcomes:
        assert outcome.verdict in ((REPRODUCED, WITHIN) if outcome.elsewhere else (REPRODUCED,)), outcome


def test_old_links_ask_for_the_same_runs(old: Store, version: Path) -> None:
    for run_id, link in json.loads((version / "links.json").read_text(encoding="utf-8")).items():
        asked = {name: values[0] for name, values in parse_qs(urlsplit(link).query, keep_blank_values=True).items()}
        assert RunConfig.parse(asked) == old.run(run_id).config
