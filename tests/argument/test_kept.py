"""What a store holds for the claims about one configuration, from the first run to a verdict."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
import postgres
import pytest

from vae import measuring
from vae.analysis.intervals import SEEDS_FOR_A_VERDICT
from vae.argument import kept
from vae.argument.claims import CLAIMS
from vae.argument.evidence import FAMILIES
from vae.choices.variants import VARIANTS
from vae.config import RunConfig
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store.measurements import KINDS, keep_measurement
from vae.store.runs import Run, Store

CONFIG = RunConfig(hidden=(8,), train_limit=200, validation_size=50, epochs=1, device="cpu")
TABLE = [("ae", "mse", 0.03), ("", "mean_image_mse", 0.07), ("", "pca_mse", 0.05), ("vae", "mse", 0.04)]


def trained(store: Store, settings: Settings, *configs: RunConfig) -> list[Run]:
    ids = [store.create(config, "test") for config in configs]
    assert {execute(store, run_id, settings) for run_id in ids} == {"done"}
    return [store.run(run_id) for run_id in ids]


def keep(store: Store, run: Run, rows: Iterable[tuple[str, str, float]], epoch: int = 1) -> None:
    """A made-up table of measures."""
    table = pd.DataFrame(rows, columns=["variant", "measure", "value"]).assign(n=297)
    keep_measurement(store, run.id, epoch, KINDS["claims"], table)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterable[tuple[Store, Settings, list[Run]]]:
    """Three seeds of one configuration, all of which is measured; shared by tests that only read."""
    with postgres.settings_for(tmp_path_factory.mktemp("kept")) as settings:
        store = Store(settings.database_url)
        runs = trained(store, settings, *(CONFIG.model_copy(update={"seed": seed}) for seed in (0, 1, 2)))
        for run in runs:
            for kind in ("claims", "sensitivity"):
                measuring.MEASUREMENTS[kind](store, run.id, 1, settings)
        yield store, settings, runs


def test_one_run_wants_its_measurement_and_two_more_seeds(store: Store, settings: Settings) -> None:
    (run,) = trained(store, settings, CONFIG)
    wanted = kept.lacking(kept.read(store, CONFIG), 1)
    assert wanted.measurements == (("claims", run.id, 1),)
    assert [config.seed for config in wanted.configs] == [1, 2]
    assert not wanted.under_way
    assert kept.lacking(kept.read(store, CONFIG), 3).measurements == (
        ("claims", run.id, 1),
        ("sensitivity", run.id, 1),
    )
    assert kept.findings(kept.read(store, CONFIG), (1,))[1].badge == "not_measured"
    keep(store, run, TABLE)
    assert kept.lacking(kept.read(store, CONFIG), 1).measurements == ()
    finding = kept.findings(kept.read(store, CONFIG), (1,))[1]
    assert (finding.badge, finding.seeds, finding.on) == ("too_few", 1, "297 test images of Digits 8×8")


def test_an_empty_store_has_every_claim_to_measure(store: Store) -> None:
    read = kept.read(store, CONFIG)
    found = kept.findings(read)
    assert set(found) == set(CLAIMS)
    assert {(finding.badge, finding.numbers, finding.on) for finding in found.values()} == {("not_measured", (), "")}
    for number, claim in CLAIMS.items():
        family = FAMILIES[claim.family](CONFIG)
        assert len(kept.lacking(read, number).configs) == SEEDS_FOR_A_VERDICT * len(family)


def test_a_table_of_an_earlier_epoch_does_not_count(store: Store, settings: Settings) -> None:
    (run,) = trained(store, settings, CONFIG)
    keep(store, run, TABLE, epoch=0)
    assert kept.gather(kept.read(store, CONFIG), 1).measures.empty
    assert kept.lacking(kept.read(store, CONFIG), 1).measurements == (("claims", run.id, 1),)


def test_runs_under_way_are_waited_for_and_not_trained_twice(store: Store, settings: Settings) -> None:
    trained(store, settings, CONFIG)
    queued = store.create(CONFIG.model_copy(update={"seed": 7}), "test")
    wanted = kept.lacking(kept.read(store, CONFIG), 1)
    assert [run.id for run in wanted.under_way] == [queued]
    assert [config.seed for config in wanted.configs] == [1]


def test_every_member_of_a_family_is_asked_for(store: Store, settings: Settings) -> None:
    trained(store, settings, CONFIG)
    read = kept.read(store, CONFIG)
    assert [(config.latent_dim, config.seed) for config in kept.lacking(read, 4).configs] == [
        *((size, 0) for size in (8, 32, 64)),
        *((size, seed) for seed in (1, 2) for size in (2, 8, 32, 64)),
    ]
    assert {(config.beta, config.variants) for config in kept.lacking(read, 9).configs} == {
        (0.0, ("vae",)),
        (20.0, ("vae",)),
        (1.0, ("ae", "vae")),
    }
    assert kept.lacking(read, 6).configs[0].variants == ("ae", "noise_only", "kl_only", "vae")


def test_what_the_store_keeps_as_nothing_is_an_infinite_kl(store: Store, settings: Settings) -> None:
    (run,) = trained(store, settings, CONFIG)
    keep(store, run, [("ae", "kl_to_prior", np.inf), ("vae", "kl_to_prior", 0.1), ("ae", "mse", np.nan)])
    found = kept.gather(kept.read(store, CONFIG), 2)
    assert found.of("kl_to_prior", "ae") == {0: np.inf}
    assert found.of("kl_to_prior", "vae") == {0: 0.1}
    assert found.of("mse", "ae") == {}


def test_an_autoencoder_alone_says_what_is_lacking(store: Store, settings: Settings) -> None:
    config = CONFIG.model_copy(update={"variants": ("ae",)})
    trained(store, settings, config)
    read = kept.read(store, config)
    assert {finding.badge for finding in kept.findings(read).values()} == {"not_measured"}
    assert kept.lacking(read, 1).configs[0].variants == ("ae", "vae")
    assert kept.lacking(read, 5).configs[0].variants == ("vae",)


def test_three_measured_seeds_allow_verdicts(shelf: tuple[Store, Settings, list[Run]]) -> None:
    store, _, _ = shelf
    found = kept.findings(kept.read(store, CONFIG))
    assert set(found) == set(CLAIMS)
    pairs = [number for number, claim in CLAIMS.items() if claim.family in ("pair", "vae")]
    assert {found[number].seeds for number in pairs} == {3}
    assert {number for number, finding in found.items() if finding.badge == "not_measured"} == {4, 6, 9}
    assert (found[10].badge, found[10].answer) == ("fails", 1)
    assert (found[11].badge, found[11].answer, found[11].title) == ("depends", 1, "depends on the estimator")
    for number in pairs:
        assert kept.lacking(kept.read(store, CONFIG), number).nothing


def test_nothing_is_written_while_judging(shelf: tuple[Store, Settings, list[Run]], monkeypatch: object) -> None:
    store, _, _ = shelf
    monkeypatch.setattr(store, "write", None)
    kept.findings(kept.read(store, CONFIG))


def test_a_named_claim_reads_only_what_it_needs(shelf: tuple[Store, Settings, list[Run]]) -> None:
    store, _, _ = shelf
    assert set(kept.read(store, CONFIG, (1,)).tables) == {"claims"}
    assert set(kept.read(store, CONFIG, (3,)).tables) == {"claims", "sensitivity"}


@pytest.mark.parametrize("size", [1, 20])
def test_other_sizes_of_code_are_judged_too(store: Store, settings: Settings, size: int) -> None:
    config = CONFIG.model_copy(update={"latent_dim": size, "beta": 4.0})
    runs = trained(store, settings, *(config.model_copy(update={"seed": seed}) for seed in (0, 1, 2)))
    for run in runs:
        measuring.claims_of(store, run.id, 1, settings)
    found = kept.findings(kept.read(store, config), (1, 2, 5, 7, 8, 10, 11))
    assert {finding.seeds for finding in found.values()} == {3}
    assert "VAE (β = 4)" in found[5].said


def test_families_of_claims_exist() -> None:
    assert {claim.family for claim in CLAIMS.values()} == set(FAMILIES)


def test_runs_of_every_way_answer_for_the_four_of_claim_6(store: Store, settings: Settings) -> None:
    """Of a seed that has both, the one with more models; one that is done before one that is under way."""
    (config,) = FAMILIES["variants"](CONFIG).values()
    every = config.model_copy(update={"variants": tuple(VARIANTS)})
    (of_four,) = trained(store, settings, config)
    waiting = store.create(every, "test")
    assert [run for _, run, _ in kept.lacking(kept.read(store, CONFIG), 6).measurements] == [of_four.id] * 2
    assert execute(store, waiting, settings) == "done"
    wanted = kept.lacking(kept.read(store, CONFIG), 6)
    assert [run for _, run, _ in wanted.measurements] == [waiting] * 2
    assert [(config.seed, len(config.variants)) for config in wanted.configs] == [(1, 4), (2, 4)]
    assert kept.lacking(kept.read(store, CONFIG), 3).configs[0].variants == ("ae", "vae"), (
        "other claims are as they were"
    )
