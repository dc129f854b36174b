"""Predict, then reveal: asked, answered, shown, remembered, turned off and on."""

import pytest
from paging import TIMEOUT, texts
from streamlit.testing.v1 import AppTest

from pages.shared import predict

VERDICT = "The verdict."


def page():
    """One question about two configurations, in fragments as on a lesson's page."""
    import streamlit as st

    from pages.shared import predict
    from vae.config import RunConfig

    def ask(latent_dim: int, seed: int) -> None:
        predict.predicted(
            "whose",
            "Whose codes?",
            ("the AE's", "the VAE's", "both"),
            lambda: st.markdown(f"The verdict. {latent_dim}-D"),
            measured=lambda: st.session_state.get("measured"),
            config=RunConfig(latent_dim=latent_dim, seed=seed),
        )

    for latent_dim in (2, 8):
        st.fragment(ask)(latent_dim, seed=st.session_state.get("seed", 0))
    predict.ask_again()
    predict.keep()


@pytest.fixture
def cookies(monkeypatch):
    """What the browser brought."""
    brought = {}
    monkeypatch.setattr("streamlit.runtime.context.ContextProxy.cookies", brought)
    return brought


@pytest.fixture
def app(cookies):
    return AppTest.from_function(page, default_timeout=TIMEOUT)


def press(app, label, place=0):
    [button for button in app.button if button.label == label][place].click().run()
    assert not app.exception, app.exception


def kept(app):
    """The cookies that a page sets, by name."""
    import json

    (component,) = [shown.proto for shown in app.get("bidi_component")]
    return {row["name"]: (row["value"], row["seconds"]) for row in json.loads(component.json)}


def test_a_question_stands_where_the_verdict_will_be(app):
    app.run()
    assert not app.exception
    assert VERDICT not in texts(app)
    assert [group.label for group in app.pills] == ["**Predict:** Whose codes?"] * 2
    assert app.pills[0].options == ["the AE's", "the VAE's", "both"]
    assert not app.get("bidi_component")  # nothing to keep yet


@pytest.mark.parametrize(
    ("answer", "measured", "said"),
    [
        (0, 1, "You predicted: the AE's. Measured: the VAE's."),
        (1, 1, "You predicted: the VAE's. That is what was measured."),
        (2, None, "You predicted: both. These numbers do not decide it."),
    ],
)
def test_the_verdict_comes_with_what_was_predicted(app, answer, measured, said):
    app.session_state["measured"] = measured
    app.run()
    app.pills[0].set_value(answer).run()
    assert [text.value for text in app.markdown] == [f"{VERDICT} 2-D"]
    assert texts(app).endswith(said)
    assert len(app.pills) == 1  # the other configuration's question is still there


def test_to_be_shown_is_no_prediction(app):
    app.run()
    press(app, "Show me", 1)
    assert [text.value for text in app.markdown] == [f"{VERDICT} 8-D"]
    assert not app.caption


def test_an_answer_is_remembered_whatever_the_seed(app):
    app.run()
    app.pills[0].set_value(1).run()
    app.session_state["seed"] = 3
    app.run()
    assert [text.value for text in app.markdown] == [f"{VERDICT} 2-D"]
    assert "You predicted: the VAE's." in texts(app)


def test_an_answer_is_remembered_by_the_browser(app, cookies):
    app.run()
    app.pills[0].set_value(1).run()
    press(app, "Show me")
    ((name, (value, seconds)),) = kept(app).items()
    assert seconds is None  # until the browser is closed
    cookies[name] = value
    again = AppTest.from_function(page, default_timeout=TIMEOUT).run()
    assert [text.value for text in again.markdown] == [f"{VERDICT} 2-D", f"{VERDICT} 8-D"]
    assert [text.value for text in again.caption] == ["You predicted: the VAE's. These numbers do not decide it."]


@pytest.mark.parametrize("value", ["", "nonsense", "0123456-1", "<script>", "01234567-7.01234567-"])
def test_a_cookie_that_is_none_of_ours_is_no_answer(app, cookies, value):
    cookies[predict.ANSWERS] = value
    app.run()
    assert not app.exception
    assert len(app.pills) == 2


def test_a_cookie_holds_the_newest_answers_and_no_more_than_it_can(app):
    app.session_state[predict.ANSWERS] = {f"{number:08x}": "0" for number in range(500)}
    app.run()
    app.pills[0].set_value(2).run()
    value, _ = kept(app)[predict.ANSWERS]
    assert len(value) < 2000
    assert value.endswith("-2")
    assert len(app.session_state[predict.ANSWERS]) == 501  # the session forgets none


def test_the_questions_are_turned_off_and_on(app, cookies):
    app.run()
    press(app, "Don't ask me")
    assert [text.value for text in app.markdown] == [f"{VERDICT} 2-D", f"{VERDICT} 8-D"]
    (value, seconds) = kept(app)[predict.OFF]
    assert seconds > 300 * 24 * 3600

    cookies[predict.OFF] = value
    again = AppTest.from_function(page, default_timeout=TIMEOUT).run()
    assert len(again.markdown) == 2
    press(again, "Ask me before each verdict")
    assert not again.markdown
    assert [button.label for button in again.button] == ["Show me", "Don't ask me"] * 2

    cookies[predict.OFF] = kept(again)[predict.OFF][0]
    assert len(AppTest.from_function(page, default_timeout=TIMEOUT).run().pills) == 2


def test_a_link_that_shows_verdicts_asks_nothing(app):
    app.session_state[predict.ALWAYS] = True
    app.run()
    assert len(app.markdown) == 2
    assert not app.button  # it is the link's doing, and turns nothing off
