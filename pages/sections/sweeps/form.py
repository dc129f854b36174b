"""Asking for a sweep: what to vary, its values, how many seeds. A ready-made question fills the form in."""

from __future__ import annotations

import json
from typing import Any

import streamlit as st

from pages.components.lazy_tabs import open_tab
from pages.shared import run_picker, time_estimates
from pages.state import resources
from pages.text.escape_markdown import escape_markdown
from pages.text.words import duration, plural
from pages.visitors import actions
from vae import naming
from vae.config import CHOICES, FIELD_TEXTS, PRESETS, RunConfig
from vae.errors import InputError
from vae.figures.style import VARIANT_TITLES
from vae.sweeps.spec import FIXED, MOST_SEEDS, OBJECTIVES, READY, SAMPLERS, Range, SweepSpec, Value, parse_over

KEY = "sweep"  # which one is looked at: in the link
ASKED = "spec"  # a whole sweep in a link
# The tabs: their key, three of their titles.
VIEW, NEW, RESULTS, POINTS = "sweep.view", "New sweep", "Results", "Points"
OPENED, WANTED = "sweep.opened", "sweep.wanted"  # in the session: the link whose sweep was shown; a tab to open
PREFIX = "sweep_form."  # of the form's keys in the session: one for each control, and its only owner
FIRST = "dimensions"  # of READY, in the form at a visitor's first look
CHOSEN_RUN = "run"
DEFAULTS = {
    "latent_dim": "1, 2, 4, 8, 16",
    "beta": "0, 0.5, 1, 4",
    "learning_rate": "1e-4..1e-2:log",
    "held_out_class": "0, 1, 4, 8",
}


def ask() -> None:
    """The form, or the sweep that a link carries."""
    st.markdown("A **sweep** trains both models with several values of a setting, each with several seeds.")
    if linked():
        _from_link()
    else:
        _form()


def linked() -> bool:
    """Whether the visitor came by a link that asks for a sweep."""
    return ASKED in st.query_params


def open_wanted() -> None:
    """Before the tabs are drawn: open that of a sweep just asked for, or once that of what a link asks for."""
    if title := st.session_state.pop(WANTED, None):
        open_tab(VIEW, title)
    if linked() and st.session_state.get(OPENED) != st.query_params[ASKED]:
        st.session_state[OPENED] = st.query_params[ASKED]
        open_tab(VIEW, NEW)


def link_to(spec: SweepSpec) -> str:
    """The value of the parameter that carries a whole sweep."""
    return json.dumps(spec.model_dump(mode="json", exclude_defaults=True), separators=(",", ":"), ensure_ascii=False)


def cost(spec: SweepSpec) -> str:
    """Runs, and how long they take."""
    grid = spec.grid() if spec.sampler == "grid" else [{}] * spec.size
    of_points = [spec.config(params, spec.base.seed) for params in grid]
    configs = [config for config in of_points for _ in range(spec.seeds)]  # a seed changes no time
    guess = "" if time_estimates.known() else " (a guess until this server has trained a run)"
    return (
        f"{plural(spec.size, 'point')} × {plural(spec.seeds, 'seed')} = {plural(len(configs), 'run')}, about "
        f"{duration(time_estimates.time_together(configs))} on {plural(resources.jobs().workers, 'worker')}{guess}"
    )


def _start(spec: SweepSpec) -> None:
    """Ask for it, and look at it from now on; what can't be trained here is said."""
    ready = _ready(spec)
    title = READY[ready][0] if ready else " × ".join(FIELD_TEXTS[name].title for name in spec.over)
    try:
        st.query_params[KEY] = actions.ask_for(spec, title)
    except InputError as problem:
        st.error(escape_markdown(str(problem)))
        return
    st.query_params.pop(ASKED, None)
    # What is measured once, when all runs of a point are done, stands beside its point alone.
    st.session_state[WANTED] = RESULTS if OBJECTIVES[spec.objectives[0]].every_epoch else POINTS
    st.rerun()


def _ready(spec: SweepSpec) -> str | None:
    """The name in READY of the question it asks, if it is one of them."""
    return next((name for name, (_, _, ready) in READY.items() if ready == spec), None)


def _form() -> None:
    """What to vary, values, seeds and a button; the rest behind *More*. What is wrong is said below them."""
    if _key("fields") not in st.session_state:
        _fill(FIRST)
    question = st.container()  # whether it is still a ready-made one is known when all else is read
    left, right = st.columns([3, 2], gap="large", vertical_alignment="bottom")
    with left:
        values = _what_to_vary()
    with right, st.container(horizontal=True, vertical_alignment="bottom"):
        seeds = st.number_input("Seeds", 1, MOST_SEEDS, key=_key("seeds"), persist_state="session", width=120)
        button = st.container(width="content")
        with st.popover("More", icon=":material/tune:"):
            base, options = _more()
    try:
        over = dict(parse_over(f"{name}={text}") for name, text in values.items())
        spec = SweepSpec.parse(base, over, seeds=seeds, **options)
        _look_up(spec)
    except InputError as problem:
        with question:
            _questions(None)
        st.error(escape_markdown(str(problem)))
        return
    with question:
        _questions(_ready(spec))
    st.caption(cost(spec))
    if button.button("Run this sweep", key="own.start", type="primary", icon=":material/play_arrow:"):
        _start(spec)


def _key(name: str) -> str:
    return PREFIX + name


def _first(name: str, value: Any) -> dict[str, Any]:
    """Arguments of a control that the session owns, and which is `value` at first."""
    st.session_state.setdefault(_key(name), value)
    return {"key": _key(name), "persist_state": "session"}


def _questions(lit: str | None) -> None:
    """The ready-made ones; one is lit while the form asks exactly that."""
    st.session_state[_key("ready")] = lit

    def take() -> None:
        if name := st.session_state[_key("ready")]:
            _fill(name)

    st.pills(
        "Ready-made questions",
        list(READY),
        format_func=lambda name: READY[name][0],
        key=_key("ready"),
        on_change=take,
        wrap=True,
        help="\n".join(f"- **{title}** {question}" for title, question, _ in READY.values()),
    )


def _fill(name: str) -> None:
    """Put a ready-made question into the form."""
    spec = READY[name][2]
    base = next(known for known, (_, config) in _bases().items() if config == spec.base)
    values = {f"values.{field}": _listed(values) for field, values in spec.over.items()}
    shown = {"base": base, "fields": list(spec.over)} | values
    for control, every_epoch in (("objectives", True), ("asked", False)):
        shown[control] = [name for name in spec.objectives if OBJECTIVES[name].every_epoch == every_epoch]
    shown |= {name: getattr(spec, name) for name in ("sampler", "points", "seeds", "prune")}
    shown |= {f"of.{'.'.join(spec.base.variants)}": spec.of}
    for control, value in shown.items():
        st.session_state[_key(control)] = value


def _bases() -> dict[str, tuple[str, RunConfig]]:
    """What every sweep may start from: name → title and config."""
    bases = {name: (preset.title, preset.config) for name, preset in PRESETS.items()}
    for name, (title, _, spec) in READY.items():
        if spec.base not in [config for _, config in bases.values()]:
            bases[f"ready.{name}"] = (f"As in “{title}”", spec.base)
    return bases


def _what_to_vary() -> dict[str, str]:
    """The settings that vary, each with what was typed as its values."""
    possible = [name for name in RunConfig.model_fields if name not in FIXED]
    fields = st.multiselect(
        "What to vary", possible, format_func=lambda name: FIELD_TEXTS[name].title, **_first("fields", [])
    )
    return {name: _values_of(name) for name in fields}


def _values_of(name: str) -> str:
    choices = CHOICES.get(name)
    default = DEFAULTS.get(name) or (", ".join(choices) if choices else str(RunConfig.model_fields[name].default))
    return st.text_input(
        f"Values of {FIELD_TEXTS[name].title}",
        help="A list such as 1, 2, 4, or a range to draw from such as 1e-4..1e-2, or 1e-4..1e-2:log.",
        **_first(f"values.{name}", default),
    )


def _more() -> tuple[RunConfig, dict[str, Any]]:
    """What a sweep starts from, and the options of a SweepSpec but its seeds."""
    bases = _bases()
    if run_id := run_picker.selected():
        run = resources.run(run_id)
        bases[CHOSEN_RUN] = (f"The chosen run: {run.name}", run.config)
    if st.session_state.get(_key("base")) not in bases:  # that run is gone
        st.session_state[_key("base")] = next(iter(bases))
    _, base = bases[
        st.selectbox(
            "Start from", list(bases), format_func=lambda name: bases[name][0], **_first("base", next(iter(bases)))
        )
    ]
    sampler = st.segmented_control(
        "How points are chosen",
        list(SAMPLERS),
        format_func=lambda name: SAMPLERS[name].title,
        required=True,
        help="\n".join(f"- **{sampler.title}**: {sampler.description}" for sampler in SAMPLERS.values()),
        **_first("sampler", "grid"),
    )
    named: dict[str, Any] = {"sampler": sampler}
    if sampler != "grid":
        named["points"] = st.number_input("Points", 1, 500, **_first("points", 20))
    objectives = [
        *_judged_by("Judged by (one or two)", "objectives", _objectives(every_epoch=True), ["reconstruction"]),
        *_judged_by("or by what takes seconds more for each run", "asked", _objectives(every_epoch=False), []),
    ]
    of = st.segmented_control(
        "Judging the",
        list(base.variants),
        format_func=VARIANT_TITLES.__getitem__,
        required=True,
        **_first(f"of.{'.'.join(base.variants)}", "vae" if "vae" in base.variants else base.variants[0]),
    )
    prune = st.toggle(
        "Stop weak points early",
        help="A point that is worse than the median of the earlier ones at the same epoch is not trained to its end.",
        **_first("prune", False),
    )
    return base, named | {"objectives": tuple(objectives), "of": of, "prune": prune}


def _objectives(every_epoch: bool) -> list[str]:
    """What sweeps may judge by: what comes with training, or what is measured when a point's runs are done."""
    return [name for name, objective in OBJECTIVES.items() if objective.every_epoch == every_epoch]


def _judged_by(label: str, key: str, names: list[str], first: list[str]) -> list[str]:
    return st.pills(
        label,
        names,
        format_func=lambda name: OBJECTIVES[name].title,
        selection_mode="multi",
        wrap=True,
        help="\n".join(f"- **{OBJECTIVES[name].title}**: {OBJECTIVES[name].description}" for name in names),
        **_first(key, first),
    )


def _from_link() -> None:
    """A sweep that a link carries: shown, and asked for at a click. A link is somebody's text: checked like a form."""
    try:
        asked = json.loads(st.query_params[ASKED])
        base = RunConfig.parse(asked.pop("base", {}))
        over = {name: Range(**given) if isinstance(given, dict) else given for name, given in asked.pop("over").items()}
        spec = SweepSpec.parse(base, over, **asked)
        _look_up(spec)
    except (InputError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as problem:
        reason = str(problem) if isinstance(problem, InputError) else "It holds no sweep that can be read."
        st.warning(f"The sweep in the link was not used. {escape_markdown(reason)}")
        return
    ranges = "; ".join(f"{FIELD_TEXTS[name].title}: {_in_words(values)}" for name, values in spec.over.items())
    st.markdown(
        f"The link asks for a sweep over {escape_markdown(ranges)}, from **{escape_markdown(naming.name(spec.base))}**."
    )
    st.caption(cost(spec))
    if st.button("Run this sweep", key="linked.start", type="primary", icon=":material/play_arrow:"):
        _start(spec)


def _look_up(spec: SweepSpec) -> None:
    """Raises InputError when there is a data set of it that is not there: nothing could be said of its cost."""
    for name in (spec.base.dataset, *spec.over.get("dataset", ())):
        resources.dataset(name)


def _in_words(values: Range | tuple[Value, ...]) -> str:
    if isinstance(values, Range):
        return f"{values.low:g} to {values.high:g}{', logarithmic' * values.log}"
    return _listed(values)


def _listed(values: Any) -> str:
    return ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values)
