"""Argument: what does the article claim, and what was measured?"""

import streamlit as st

from pages.claims import claim_picker, overview
from pages.claims.claim_screen import claim_screen
from pages.shared import run_picker
from pages.shared.page_head import page_head
from pages.stage.first_run import train_both_now
from pages.state.run_index import every_run

place = page_head("argument.py")
number = claim_picker.shown()
if not every_run().experiments and not run_picker.selected():
    claim_picker.article()
    train_both_now("argument", st.container())
elif run := run_picker.run_picker(place):
    if number:
        claim_screen(run, number)
    else:
        overview.all_claims(run)
