"""Argument: what does the article claim, and what was measured?"""

import streamlit as st

from pages.claims import claim_picker, overview
from pages.claims.claim_screen import claim_screen, reveal
from pages.components.present import present
from pages.shared import run_picker
from pages.shared.network_diagram import networks
from pages.shared.page_head import page_head
from pages.stage.first_run import CONFIG, train_both_now
from pages.state.run_index import every_run
from vae.argument.claims import CLAIMS

LOOK = 1.0  # seconds between looks while nothing is trained: a colleague, or another window, may train
SCREENS = (*CLAIMS, claim_picker.ALL)  # in present mode all claims come last, as what they add up to


def look_again() -> None:
    """Show the page anew once there is something to show."""
    if every_run().experiments:
        st.rerun()


with st.container(key="hidden_when_presenting_head", gap="small"):
    place = page_head("argument.py")
    number = claim_picker.shown()
move = present(SCREENS.index(number) + 1, len(SCREENS))
if isinstance(move, int):
    claim_picker.show(SCREENS[move - 1])
    st.rerun()
if not every_run().experiments and not run_picker.selected():
    button, words = st.columns([2, 7], vertical_alignment="center")
    told = st.container()
    with button:
        train_both_now("argument", told)
    words.markdown(
        "Each claim of the article, beside what is measured here. Nothing is trained yet: train both models, then "
        "predict before you see."
    )
    networks(CONFIG)
    st.fragment(look_again, run_every=LOOK)()
elif run := run_picker.run_picker(place):
    if move == "reveal" and number:
        reveal(run, number)
    if number:
        claim_screen(run, number)
    else:
        overview.all_claims(run)
