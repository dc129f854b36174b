"""Train with an architecture that isn't the first one: what is asked for, what is drawn, and what is refused."""

from __future__ import annotations

import pytest
from paging import open_page, texts
from streamlit.testing.v1 import AppTest

from vae.config import RunConfig
from vae.errors import InputError
from vae.runs.execution import check
from vae.settings import Settings
from vae.store.runs import Store


def asked(app: AppTest) -> set[str]:
    return {box.key.removeprefix("config.") for box in app.text_input if box.key and box.key.startswith("config.")}


def test_channels_are_asked_for_where_the_network_has_some(shared: Store) -> None:
    app = open_page("train.py")
    assert "channels" not in asked(app)
    app.selectbox(key="config.network").set_value("conv").run()
    assert {"channels", "hidden"} <= asked(app)
    app.text_input(key="config.channels").set_value("8, 16").run()
    app.selectbox(key="config.normalisation").set_value("layer").run()
    next(button for button in app.button if button.label == "Train").click().run()
    (run,) = shared.runs()
    assert run.config == RunConfig(network="conv", channels=(8, 16), normalisation="layer")


def test_what_can_not_be_halved_so_often_is_told_and_not_drawn(shared: Store) -> None:
    app = open_page("train.py", network="conv", channels="8,16,16")
    assert "images of 8×8 pixels can be halved by 2 convolutions at most; leave out 1." in texts(app)
    with pytest.raises(InputError, match="leave out 1"):
        check(shared, RunConfig(network="conv", channels=(8, 16, 16)), Settings.from_environment())


def test_gradients_on_the_trick_say_that_nothing_is_dropped_there(shared: Store) -> None:
    from pages.sections.the_trick.encoder_gradients import as_measured

    assert as_measured(RunConfig()) == as_measured(RunConfig(normalisation="layer")) == " as in training"
    assert "with no dropout and running statistics" in as_measured(RunConfig(normalisation="batch", dropout=0.1))
    assert "unlike in training" in as_measured(RunConfig(dropout=0.1))
