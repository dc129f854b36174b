"""Train: what do both learn, and how do they differ?"""

import streamlit as st

from pages.sections.train import linked_run
from pages.shared import run_picker, settings_form, train_again
from pages.shared.dataset_download import offer_download
from pages.shared.network_diagram import networks
from pages.shared.run_panel import run_panel
from pages.state import resources
from pages.text.escape_markdown import escape_markdown
from vae.config import FIELD_TEXTS, RunConfig
from vae.errors import InputError

st.title("Train both, side by side")
st.markdown(
    "An **autoencoder** squeezes an image into a few numbers and rebuilds it. A **variational autoencoder** turns the "
    "image into a distribution, draws one code from it, and rebuilds that. Same batches, same initial weights: what "
    "differs is the noise and the KL."
)

wanted = linked_run.open_run()
run_id = run_picker.selected() if wanted is None else None
shown = resources.run(run_id) if run_id else None
settings_form.fill_once(shown.config if shown else None)
if message := settings_form.link_error():
    st.warning(escape_markdown(message))

try:
    config: RunConfig | None = settings_form.parsed()
    problem = None
except InputError as error:
    config, problem = None, str(error)

with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
    settings_form.preset_picker()
    ready = config is not None and settings_form.available(config)
    train = st.button("Train", type="primary", icon=":material/play_arrow:", disabled=not ready)
if wanted and wanted == config:
    train = linked_run.offer(wanted, ready) or train
told = st.container()  # what is wrong is said where the button is, not below the drawings
if problem:
    told.error(escape_markdown(problem))
if config and not ready:
    with told:
        offer_download(config.dataset)
elif config and (dear := settings_form.too_dear(config)):
    told.warning(escape_markdown(dear), icon=":material/memory:")
with st.expander("Settings", icon=":material/tune:", expanded=run_id is None and wanted is None):
    settings_form.fields_form()
if config:
    networks(config)

if train and config:
    try:
        with told, st.spinner("Looking at the data …"):
            train_again.train(config, "train")
    except InputError as error:
        told.error(escape_markdown(str(error)))

with told:
    train_again.question(config, "train")

if shown:
    if config and (changed := config.differences(shown.config)):
        titles = ", ".join(FIELD_TEXTS[name].title for name in changed)
        st.caption(f"The run below was trained with other settings than the form shows: {titles}.")
    run_panel(shown.id)
