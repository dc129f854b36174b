"""`python -m vae argument`: measures what is not kept, and prints claims, numbers, badges and sentences."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from vae.argument.claims import CLAIMS
from vae.cli import main
from vae.config import RunConfig
from vae.settings import Settings
from vae.store.measurements import KINDS, measurement
from vae.store.runs import Store

QUICK = ["train", "--hidden=16", "--train-limit=200", "--validation-size=50", "--epochs=1", "--device=cpu"]
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def vae(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs one command in this process: (exit code, stdout, stderr)."""
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return run


def trained(vae: Command, *more: str) -> str:
    return json.loads(vae(*QUICK, *more, "--json", "-")[1])["run_id"]


def test_one_run_has_numbers_and_no_verdict(vae: Command, settings: Settings) -> None:
    run_id = trained(vae)
    code, out, _ = vae("argument", run_id, "--json", "-")
    assert code == 0
    result = json.loads(out)
    assert result["article"]["author"] == "Sayak Paul"
    assert "seed" not in result["config"]
    assert [claim["claim"] for claim in result["claims"]] == list(CLAIMS)
    badges = {claim["claim"]: claim["badge"] for claim in result["claims"]}
    assert {number for number, badge in badges.items() if badge == "not_measured"} == {4, 6, 9}
    assert {badges[number] for number in (1, 2, 3, 5, 7, 8, 10, 11)} == {"too_few"}
    first = result["claims"][0]
    assert first["seeds"] == 1 and first["answer"] is None and first["on"] == "297 test images of Digits 8×8"
    assert first["numbers"][0]["low"] is None, "JSON knows no NaN"
    assert [config["seed"] for config in first["to_train"]] == [1, 2]
    assert measurement(Store(settings.database_url), run_id, 1, KINDS["claims"]) is not None, "kept"


def test_other_seeds_are_found_and_measured(vae: Command) -> None:
    first, _, _ = (trained(vae, f"--seed={seed}") for seed in (0, 1, 2))
    result = json.loads(vae("argument", first, "--json")[1])
    assert result["claims"][9]["badge"] == "fails"
    assert result["claims"][9]["badge_title"] == "does not hold here"
    assert result["claims"][9]["answer"] == "about 0.7"
    assert result["claims"][9]["seeds"] == 3
    assert result["claims"][9]["to_train"] == []
    assert result["claims"][9]["numbers"][0]["low"] < 0.6745 < result["claims"][9]["numbers"][0]["high"]
    code, out, _ = vae("argument", first)
    assert code == 0
    assert "10. ε is a random number with very low values.\n   DOES NOT HOLD HERE (3 seeds, on 400 draws" in out
    assert "NOT MEASURED YET" in out and "--json lists them" in out


def test_a_file_gets_the_json(vae: Command, tmp_path: object) -> None:
    run_id = trained(vae)
    assert vae("argument", run_id, "--json", f"{tmp_path}/claims.json")[:2] == (0, "")
    with open(f"{tmp_path}/claims.json", encoding="utf-8") as file:
        assert len(json.load(file)["claims"]) == len(CLAIMS)


def test_runs_of_two_configurations_are_refused(vae: Command) -> None:
    code, out, err = vae("argument", trained(vae), trained(vae, "--beta=4"))
    assert (code, out) == (2, "")
    assert err.startswith("vae: Runs ") and "differ in beta" in err


def test_a_run_that_is_not_there_or_has_no_epoch_gets_one_sentence(vae: Command, settings: Settings) -> None:
    assert vae("argument", "nosuch") == (2, "", "vae: There is no run 'nosuch' in this database.\n")
    run_id = Store(settings.database_url).create(RunConfig(epochs=1, device="cpu"), "test")
    said = f"vae: Run {run_id} (queued) has no epoch yet, so nothing can be measured on it.\n"
    assert vae("argument", run_id) == (2, "", said)


def test_a_run_that_cannot_be_measured_is_told_and_the_rest_is_judged(
    vae: Command, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vae import measuring
    from vae.errors import InputError

    def gone(*_: object) -> None:
        raise InputError("The images are gone.")

    run_id = trained(vae)
    monkeypatch.setitem(measuring.MEASUREMENTS, "claims", gone)
    code, out, err = vae("argument", run_id, "--json", "-")
    assert code == 0
    assert err == "vae: The images are gone.\n"
    badges = {claim["claim"]: claim["badge"] for claim in json.loads(out)["claims"]}
    assert badges[1] == "not_measured" and badges[3] == "too_few", "nudges were measured"
