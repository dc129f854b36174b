"""One claim on one screen: the experiment at the left; the claim, what to expect and what was measured at the right."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from html import escape

import streamlit as st

from pages.claims import standing
from pages.claims.experiments import EXPERIMENTS
from pages.claims.standing import Standing
from pages.rooms import room_panel
from pages.shared import predict
from pages.stage.run_panel import run_stage
from pages.state import loaded_models
from vae.argument.claims import CLAIMS
from vae.argument.findings import BADGES, Finding, Number
from vae.figures.style import BADGE_COLOURS, NEUTRAL
from vae.store.runs import Run

LARGE = 2  # numbers that the last row reads
POLL = 0.5  # seconds between looks while something is trained or measured


def claim_screen(run: Run, number: int) -> None:
    """Claim `number` of CLAIMS, with the evidence of a run's configuration."""
    claim = CLAIMS[number]
    left, right = st.columns([6, 5], gap="medium")
    with left, st.container(key="experiment"):
        if run.active or run.epoch < 0:
            run_stage(run.id, key=f"claims.stage.{run.id}.live", small=True)
        else:
            epoch = loaded_models.kept_epochs(run.id, run.epoch)[-1]
            EXPERIMENTS[number].draw(run, epoch, told=_told(run, number))
    with right:
        title = f'<span class="number">{number}</span><span>{escape(claim.title)}</span>'
        st.html(f'<h2 class="claim">{title}</h2>')
        st.fragment(_answer, run_every=POLL if standing.of(run, number).busy else None)(run, number)


def reveal(run: Run, number: int) -> None:
    """Show what was measured without an answer: whoever stands in front pressed a key."""
    if room_panel.current():
        room_panel.reveal(number, standing.of(run, number).finding)
    else:
        predict.reveal(_question(number), run.config)


def _told(run: Run, number: int) -> bool:
    """Whether what was measured is shown: in a room to all at once."""
    if room := room_panel.current():
        return number in room.revealed
    return predict.is_shown(_question(number), run.config)


def _answer(run: Run, number: int) -> None:
    claim, stands = CLAIMS[number], standing.of(run, number)
    was_busy = st.session_state.get(_busy(run, number), False)
    st.session_state[_busy(run, number)] = stands.busy
    if was_busy and not stands.busy:
        st.rerun()  # once more as a whole, and then without polling
    if room_panel.current():
        if room_panel.tally(number, stands.finding):
            _measured(run, number, stands)
        return
    predict.predicted(
        _question(number),
        claim.question,
        claim.choices,
        partial(_measured, run, number, stands),
        measured=lambda: stands.finding.answer,
        config=run.config,
    )


def _measured(run: Run, number: int, stands: Standing) -> None:
    """The badge, the number that a room looks at, what was measured on what, and what would turn it."""
    claim, finding = CLAIMS[number], stands.finding
    st.html(badge(finding))
    if finding.numbers:
        st.html(numbers(finding.numbers[:LARGE]))
    st.markdown(finding.said)
    with st.container(key="hidden_when_presenting_more", gap="small"):
        if finding.numbers[LARGE:]:
            with st.expander(f"All {len(finding.numbers)} numbers"):
                st.html(listed(finding.numbers))
        if finding.on or finding.turned_by:
            st.caption(" ".join(filter(None, [f"On {finding.on}." if finding.on else "", finding.turned_by])))
        standing.progress(stands)
        with st.container(horizontal=True, vertical_alignment="center"):
            if stands.to_train and not run.active:
                standing.train_missing(stands.to_train, key=f"claims.train.{number}")
            st.page_link(claim.page, label=claim.deeper, icon=":material/arrow_forward:", query_params={"run": run.id})


def badge(finding: Finding) -> str:
    """Markup of how a claim stands: sign, words and colour."""
    colour = BADGE_COLOURS.get(finding.badge, NEUTRAL)
    return (
        f'<div class="badge" style="--badge:{colour}"><span class="sign">{BADGES[finding.badge].sign}</span>'
        f"<span>{escape(finding.title)}</span></div>"
    )


def numbers(measured: Sequence[Number]) -> str:
    """Markup of what was measured, as a room reads it."""
    each = "".join(
        f'<div><div class="value">{escape(number.short)}</div><div class="of">{escape(number.title)}</div>'
        f'<div class="of">{escape(number.interval)}</div></div>'
        for number in measured
    )
    return f'<div class="measured"><div class="large">{each}</div></div>'


def listed(measured: Sequence[Number]) -> str:
    """Markup of what was measured, a line for each."""
    lines = "".join(f'<div class="of"><b>{escape(number.text)}</b> {escape(number.title)}</div>' for number in measured)
    return f'<div class="measured">{lines}</div>'


def _question(number: int) -> str:
    return f"claim {number}"


def _busy(run: Run, number: int) -> str:
    return f"claims.busy.{run.id}.{number}"
