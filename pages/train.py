"""Train: what do both learn, and how do they differ?"""

import streamlit as st

from pages.shared import again, config_form, linked, resources, selection
from pages.shared.drawing import networks
from pages.shared.live import run_panel
from pages.shared.obtain import offer_download
from pages.shared.plain import plain
from vae.config import RunConfig
from vae.errors import InputError

st.title("Train both, side by side")
st.markdown(
    "An **autoencoder** squeezes an image into a few numbers and rebuilds it. A **variational autoencoder** turns the "
    "image into a distribution, draws one code from it, and rebuilds that. Same batches, same initial weights: what "
    "differs is the noise and the KL."
)

wanted = linked.open_run()
run_id = selection.selected() if wanted is None else None
shown = resources.run(run_id) if run_id else None
config_form.fill_once(shown.config if shown else None)
if message := config_form.link_error():
    st.warning(plain(message))

try:
    config, problem = config_form.parsed(), None
except InputError as error:
    config, problem = None, str(error)

with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
    config_form.preset_picker()
    ready = config is not None and config_form.available(config)
    train = st.button("Train", type="primary", icon=":material/play_arrow:", disabled=not ready)
if wanted and wanted == config:
    train = linked.offer(wanted, ready) or train
told = st.container()  # what is wrong is said where the button is, not below the drawings
if problem:
    told.error(plain(problem))
if config and not ready:
    with told:
        offer_download(config.dataset)
elif config and (dear := config_form.too_dear(config)):
    told.warning(plain(dear), icon=":material/memory:")
with st.expander("Settings", icon=":material/tune:", expanded=run_id is None and wanted is None):
    config_form.fields_form()
if config:
    networks(config)

if train:
    try:
        with told, st.spinner("Looking at the data …"):
            again.train(config, "train")
    except InputError as error:
        told.error(plain(str(error)))

with told:
    again.question(config, "train")

if shown:
    if config and (changed := config.differences(shown.config)):
        titles = ", ".join(RunConfig.model_fields[name].title for name in changed)
        st.caption(f"The run below was trained with other settings than the form shows: {titles}.")
    run_panel(run_id)
