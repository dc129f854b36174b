"""Train: what do both learn, and how do they differ?"""

import streamlit as st

from pages.links import linked_run
from pages.shared import run_picker, settings_form, train_again, which_ingredient
from pages.shared.dataset_download import offer_download
from pages.shared.network_diagram import networks
from pages.shared.page_head import page_head
from pages.stage.run_panel import run_header, run_results, run_stage
from pages.state import resources
from pages.text.escape_markdown import escape_markdown
from vae.config import FIELD_TEXTS, RunConfig
from vae.errors import InputError

place = page_head("train.py")
wanted = linked_run.open_run()
run_id = run_picker.selected() if wanted is None else None
run_picker.switch(place, run_id)
shown = resources.run(run_id) if run_id else None
settings_form.fill_once(shown.config if shown else None)
if message := settings_form.link_error():
    st.warning(escape_markdown(message))

try:
    config: RunConfig | None = settings_form.parsed()
    problem = None
except InputError as error:
    config, problem = None, str(error)

buttons, header = st.columns([3, 7], vertical_alignment="center")
told = st.container()  # what is wrong is said where the button is, not below the drawings
with buttons, st.container(horizontal=True):
    ready = config is not None and settings_form.available(config)
    train = st.button("Train", type="primary", icon=":material/play_arrow:", disabled=not ready)
    with st.popover("Settings", icon=":material/tune:"):
        settings_form.preset_picker()
        settings_form.fields_form()
if wanted and wanted == config:
    with told:
        train = linked_run.offer(wanted, ready) or train
if problem:
    told.error(escape_markdown(problem))
if config and not ready:
    with told:
        offer_download(config.dataset)
elif config and (dear := settings_form.too_dear(config)):
    told.warning(escape_markdown(dear), icon=":material/memory:")

if train and config:
    try:
        with told, st.spinner("Looking at the data …"):
            queued = train_again.train(config, "train")
        if queued:
            st.rerun()
    except InputError as error:
        told.error(escape_markdown(str(error)))

with told:
    train_again.question(config, "train")

if shown:
    if config and (changed := config.differences(shown.config)):
        titles = ", ".join(FIELD_TEXTS[name].title for name in changed)
        told.caption(f"The run below was trained with other settings than the form shows: {titles}.")
    with header:
        run_header(shown.id)
    run_stage(shown.id)
if shown:
    which_ingredient.answer(shown)
if config:
    networks(config)
if shown:
    run_results(shown.id)
