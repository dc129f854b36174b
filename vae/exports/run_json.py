"""A run as one JSON object: what `python -m vae train --json` prints, and what capsules and exports hold."""

from __future__ import annotations

from typing import Any

from ..store.runs import Store


def document(store: Store, run_id: str) -> dict[str, Any]:
    """Config, versions, data, and every recorded epoch by variant. Raises InputError when there is no such run."""
    run, history = store.run(run_id), store.history(run_id)
    history = history.astype(object).where(history.notna(), None)
    variants: dict[str, Any] = {}
    for variant in run.config.variants:
        rows = history[history.variant == variant].drop(columns=["run_id", "variant"])
        epochs = rows[rows.split != "test"].to_dict("records")
        test = rows[rows.split == "test"].drop(columns=["split", "epoch", "seconds"]).to_dict("records")
        variants[variant] = {
            "initial": next((row for row in epochs if row["epoch"] == 0), None),  # before training
            "epochs": [row for row in epochs if row["epoch"] > 0],
            "test": test[0] if test else None,
        }
    return {
        "run_id": run.id,
        "status": run.status,
        "error": run.error,
        "config": run.config.model_dump(mode="json"),
        "versions": run.versions or None,
        "data": run.data or None,
        "seconds": run.seconds,
        "variants": variants,
    }
