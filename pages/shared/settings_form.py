"""The form for a RunConfig, generated from its fields. Its state is one session-state key per field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from pages.state import resources
from pages.text.escape_markdown import escape_markdown
from vae.choices.choice import Choice
from vae.choices.networks import settings_of_others
from vae.choices.own_networks import InAFile
from vae.choices.variants import VARIANTS
from vae.config import ASKED, CHOICES, FIELD_TEXTS, PRESETS, WIDTHS, RunConfig, as_text
from vae.errors import InputError
from vae.learning.networks import network_of
from vae.runs import cost

PREFIX = "config."
GROUPS = ("Data", "Network", "Objective", "Training")
AS_WRITTEN = ("activation", "precision")  # names of functions and types: tanh, float32
STEPS = {
    "learning_rate": 1e-4,
    "denoising_std": 0.1,
    "rae_weight": 0.1,
    "code_noise_std": 0.1,
    "weight_decay": 0.01,
}  # of the arrows, else 0.5
EMPTY = {
    "hidden": "none: no hidden layer",
    "held_out_class": "none: all are learnt",
}  # what an empty field means, where it means something
IN_FILES = {*InAFile.ignored}  # of a network of one's own: asked for by a field unseen, it would contradict
PRESET_KEY = f"{PREFIX}preset"


def _key(name: str) -> str:
    return PREFIX + name


def _widget_value(name: str, value: Any) -> Any:
    """A field's value as its widget holds it."""
    if name in WIDTHS:
        return as_text(value)
    return list(value) if isinstance(value, tuple) else value


def fill(config: RunConfig) -> None:
    """Put a config into the form; of what isn't here any more, the default."""
    for name in ASKED:
        value, choices = getattr(config, name), CHOICES.get(name)
        if choices and not isinstance(value, tuple) and value not in list(choices):
            value = RunConfig.model_fields[name].default
        st.session_state[_key(name)] = _widget_value(name, value)


def fill_once(config: RunConfig | None = None) -> None:
    """At a visitor's first look: the settings named in the link, else those of `config`, else the default preset.

    A link that asks for what can't be is told in a sentence, and the form keeps its defaults.
    """
    if _key("seed") in st.session_state:
        return
    base = config or PRESETS["quick"].config
    asked = {name: st.query_params[name] for name in RunConfig.model_fields if name in st.query_params}
    try:
        linked = RunConfig.parse(base.model_dump() | asked)
        resources.dataset(linked.dataset)
        network_of(linked)
        fill(linked)
    except InputError as error:
        st.session_state[f"{PREFIX}link_error"] = f"The settings in the link were not used. {error}"
        fill(base)


def preset_picker() -> None:
    """The presets; one is lit while the form shows exactly its settings."""
    try:
        current = parsed()
    except InputError:
        current = None
    lit = next((name for name, preset in PRESETS.items() if preset.config == current), None)
    st.session_state[PRESET_KEY] = lit
    st.pills(
        "Start from a preset",
        list(PRESETS),
        format_func=lambda name: PRESETS[name].title,
        key=PRESET_KEY,
        wrap=True,
        on_change=_take_preset,
        help="\n".join(f"- **{preset.title}**: {preset.description}" for preset in PRESETS.values()),
    )


def _take_preset() -> None:
    name = st.session_state[PRESET_KEY]
    if name:
        fill(PRESETS[name].config)


def fields_form() -> None:
    """A widget per field, in the groups that the fields name; none where there is nothing to choose."""
    for column, group in zip(st.columns(len(GROUPS), gap="medium"), GROUPS, strict=True):
        offered = [name for name, text in FIELD_TEXTS.items() if text.group == group and _offered(name)]
        folded = [name for name in offered if FIELD_TEXTS[name].folded]
        with column:
            st.markdown(f"**{group}**")
            for name in offered:
                if name not in folded:
                    _field(name)
            if folded:
                with st.expander("More"):
                    for name in folded:
                        _field(name)
                if told := _set(folded):
                    st.caption(f"Set under *More*: {escape_markdown(told)}.")


def _set(names: Sequence[str]) -> str:
    """Those of these fields that differ from their defaults, in words: what is folded away isn't overlooked."""
    fields, said = RunConfig.model_fields, []
    for name in names:
        value = st.session_state[_key(name)]
        if value is not None and value != _widget_value(name, fields[name].default):
            said.append(f"{FIELD_TEXTS[name].title.lower()} {as_text(value)}")
    return ", ".join(said)


def _offered(name: str) -> bool:
    """Whether there is something to choose: of one thing nothing is, nor of a strength whose variant isn't trained."""
    choices = CHOICES.get(name)
    whose = next((variant for variant, entry in VARIANTS.items() if entry.strength == name), None)
    trained = whose is None or whose in st.session_state.get(_key("variants"), ())
    looked_at = name not in settings_of_others(st.session_state.get(_key("network"), ""))
    return trained and looked_at and (choices is None or len(choices) > 1)


def parsed() -> RunConfig:
    """What the form says. Raises InputError with a sentence per wrong field; what was typed stays."""
    unseen = settings_of_others(st.session_state[_key("network")]) & IN_FILES
    return RunConfig.parse({name: st.session_state[_key(name)] for name in ASKED if name not in unseen})


def available(config: RunConfig) -> bool:
    """Whether its data set is on this computer."""
    return resources.dataset(config.dataset).available(resources.settings().data_dir)


def too_dear(config: RunConfig) -> str | None:
    """Why it will be refused, when it takes more memory or room than is allowed here."""
    try:
        cost.refuse(config, resources.dataset(config.dataset), resources.settings())
    except InputError as problem:
        return str(problem)
    return None


def link_error() -> str | None:
    """What was wrong with the link this visitor came by, told once."""
    return st.session_state.pop(f"{PREFIX}link_error", None)


def _field(name: str) -> None:
    text, kind, choices = FIELD_TEXTS[name], RunConfig.model_fields[name].annotation, CHOICES.get(name)
    shared: dict[str, Any] = {
        "key": _key(name),
        "persist_state": "session",
        "help": _help(name, text.description, choices),
    }
    if name == "dataset":
        known = resources.catalogue()
        st.selectbox(text.title, list(known), format_func=lambda entry: known[entry].title, **shared)
    elif choices and name == "variants":
        st.multiselect(text.title, list(choices), format_func=lambda code: _title(name, code), **shared)
    elif choices:
        st.selectbox(text.title, list(choices), format_func=lambda code: _title(name, code), **shared)
    elif name in WIDTHS or kind is str:
        st.text_input(text.title, placeholder=EMPTY.get(name), **shared)
    elif kind is float:
        st.number_input(text.title, step=STEPS.get(name, 0.5), format="%g", **shared)
    else:
        st.number_input(text.title, step=1, **shared)


def _title(name: str, code: str) -> str:
    """Of a choice, as it stands by itself."""
    choice = CHOICES[name][code]
    written = name in AS_WRITTEN or choice.as_written
    return choice.title if written else choice.title[:1].upper() + choice.title[1:]


def _help(name: str, description: str, choices: Mapping[str, Choice] | None) -> str:
    lines = [f"- **{_title(name, code)}**: {choice.sentence}" for code, choice in (choices or {}).items()]
    return "\n".join([description, *([""] if lines else []), *lines])
