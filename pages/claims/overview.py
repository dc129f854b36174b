"""All claims with their badges, as one picture."""

from __future__ import annotations

import streamlit as st

from pages.components.svg import svg
from pages.state import resources
from vae import naming
from vae.argument.claims import CLAIMS
from vae.argument.picture import for_pages, picture
from vae.store.runs import Run

from . import claim_picker, standing

POLL = 1.0  # seconds between looks while something is trained or measured
PAPER = "light"  # of the file


def all_claims(run: Run) -> None:
    """The picture for a run's configuration, as a file, too, and a button that trains what verdicts lack."""
    busy = any(standing.of(run, number).busy for number in CLAIMS)
    st.fragment(_all_claims, run_every=POLL if busy else None)(run, busy)


def _all_claims(run: Run, was_busy: bool) -> None:
    every = {number: standing.of(run, number) for number in CLAIMS}
    if was_busy and not any(stands.busy for stands in every.values()):
        st.rerun()  # once more as a whole, and then without polling
    findings, name = {number: stands.finding for number, stands in every.items()}, naming.experiment(run.config)
    svg(for_pages(findings, name), key="claims.overview")
    for problem in dict.fromkeys(problem for stands in every.values() for problem in stands.problems):
        st.error(problem)
    with st.container(horizontal=True, vertical_alignment="center", key="hidden_when_presenting_overview"):
        lacking = list(dict.fromkeys(config for stands in every.values() for config in stands.to_train))
        if lacking and not run.active:
            standing.train_missing(lacking, key="claims.train.all")
        st.download_button(
            "Picture (SVG)",
            lambda: picture(findings, name, PAPER),
            f"claims-{run.id}.svg",
            "image/svg+xml",
            icon=":material/download:",
            on_click="ignore",
        )
        standing.progress(*every.values(), width=360)


def on_start(run_id: str | None) -> None:
    """What is kept about the run that is looked at, nothing begun: the way to the claims, one by one."""
    st.page_link(
        "argument.py",
        label="One by one: predict, then see what was measured",
        icon=":material/fact_check:",
        query_params={claim_picker.KEY: str(min(CLAIMS))} | ({"run": run_id} if run_id else {}),
    )
    run = resources.run(run_id) if run_id else None
    if run is not None:
        svg(for_pages(standing.findings(run.config), naming.experiment(run.config)), key="claims.overview")
