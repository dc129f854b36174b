"""A store with a thousand runs in it, made up and written in bulk, for pages that show many."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
from sqlalchemy import insert

from vae import naming
from vae.config import RunConfig
from vae.store import schema
from vae.store.runs import Store

STARTED = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
BETAS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 20.0)
DIMENSIONS = (2, 4, 8, 16, 32)
SEEDS = 5
TAGS = (None, ["lecture"], ["lecture", "β"], ["sweep"])
METRICS = "(run_id, variant, split, epoch, loss, reconstruction, kl, kl_per_dim, mse_from_mean, mse_from_sample, "
METRICS += "active_units, seconds)"


def config(number: int, epochs: int = 60) -> RunConfig:
    """Seeds turn fastest, then β, dimensions, the data set and the loss."""
    number, seed = divmod(number, SEEDS)
    number, beta = divmod(number, len(BETAS))
    number, latent_dim = divmod(number, len(DIMENSIONS))
    return RunConfig(
        seed=seed,
        beta=BETAS[beta],
        latent_dim=DIMENSIONS[latent_dim],
        dataset=("digits", "mnist")[number % 2],
        reconstruction=("bce", "sse")[number // 2 % 2],
        epochs=epochs,
    )


def run_id(number: int) -> str:
    return f"{number:08x}"


def curves(settings: RunConfig) -> dict[str, np.ndarray]:
    """What an AE and a VAE of these settings might have gone through: (epochs + 1, 3), reconstruction, kl and mse."""
    noise = np.random.default_rng(settings.seed).normal(size=(settings.epochs + 1, 2))
    at = np.exp(-np.arange(settings.epochs + 1) / 12)[:, None]
    floor = 30 + 20 / settings.latent_dim + 0.1 * noise + 15 * at
    kl = 2 + 12 / (1 + settings.beta) - 2 * at[:, 0]
    return {
        "ae": np.column_stack([floor[:, 0], kl, floor[:, 0] / 1000]),
        "vae": np.column_stack([floor[:, 1] + 8 - 10 / (1 + settings.beta), kl, floor[:, 1] / 900]),
    }


def metric_rows(number: int, settings: RunConfig) -> list[tuple]:
    found = []
    for variant, values in curves(settings).items():
        has_kl = variant == "vae"
        for epoch, (reconstruction, kl, mse) in enumerate(values.tolist()):
            per_dim = json.dumps([kl / settings.latent_dim] * settings.latent_dim) if has_kl else None
            rest = (
                kl if has_kl else None,
                per_dim,
                mse,
                1.1 * mse if has_kl else None,
                min(settings.latent_dim, 8),
                0.1,
            )
            loss = reconstruction + has_kl * settings.beta * kl
            row = (run_id(number), variant, "validation", epoch, loss, reconstruction, *rest)
            found.append(row)
        found.append((*row[:2], "test", epoch, *(value + 0.5 for value in row[4:6]), *row[6:]))
    return found


def stock(store: Store, count: int, epochs: int = 60) -> list[str]:
    """Write `count` runs that are done, the first one the oldest; their ids in this order."""
    configs = [config(number, epochs) for number in range(count)]
    about = {"hash": "h", "shape": [8, 8], "classes": list("0123456789"), "train_size": 1, "validation_size": 200}
    about |= {"test_size": 360, "watched_split": "validation", "floor": {"validation": {}, "test": {}}}
    for split in about["floor"]:
        about["floor"][split] = {"bce": 60.0, "sse": 60.0, "mse": 0.06}
    rows = [
        {
            "id": run_id(number),
            "name": f"{naming.name(settings)} no. {number}",
            "config": settings.model_dump(mode="json"),
            "status": "done",
            "epoch": epochs,
            "attempt": 1,
            "owner": "test",
            "data": about,
            "created_at": STARTED + dt.timedelta(minutes=number),
            "queued_at": STARTED,
            "seconds": 6.0,
            "tags": TAGS[number % len(TAGS)],
            "note": "A note." if number % 7 == 0 else None,
        }
        for number, settings in enumerate(configs)
    ]
    with store.write() as connection:
        connection.execute(insert(schema.runs), rows)
        marks = ["?"] * 12 if connection.dialect.name == "sqlite" else ["%s"] * 7 + ["%s::json"] + ["%s"] * 4
        statement = f"INSERT INTO metrics {METRICS} VALUES ({', '.join(marks)})"
        for number, settings in enumerate(configs):
            connection.exec_driver_sql(statement, metric_rows(number, settings))
    return [row["id"] for row in rows]
