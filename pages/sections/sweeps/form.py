"""Asking for a sweep: ready-made questions, or fields, values and a sampler of one's own."""

from __future__ import annotations

import json

import streamlit as st

from pages.shared import run_picker, time_estimates
from pages.state import resources
from pages.text.escape_markdown import escape_markdown
from pages.text.words import duration
from pages.visitors import actions
from vae import naming
from vae.config import CHOICES, FIELD_TEXTS, PRESETS, RunConfig
from vae.errors import InputError
from vae.figures.style import VARIANT_TITLES
from vae.sweeps.spec import FIXED, MOST_SEEDS, OBJECTIVES, READY, SAMPLERS, Range, SweepSpec, Value, parse_over

KEY = "sweep"  # which one is looked at: in the link
ASKED = "spec"  # a whole sweep in a link
PREFIX = "sweep_form."
DEFAULTS = {"latent_dim": "1, 2, 4, 8, 16", "beta": "0, 0.5, 1, 4", "learning_rate": "1e-4..1e-2:log"}
CHOSEN_RUN = "run"


def ready_made() -> None:
    """A card for each question, with what it costs, and one button."""
    for column, (name, (title, question, spec)) in zip(st.columns(len(READY)), READY.items(), strict=True):
        with column.container(border=True, height="stretch"):
            st.markdown(f"**{title}**")
            st.markdown(question)
            st.caption(cost(spec))
            if st.button("Run this sweep", key=f"ready.{name}", icon=":material/play_arrow:", type="primary"):
                start(spec, title)


def cost(spec: SweepSpec) -> str:
    """Runs, and how long they take."""
    grid = spec.grid() if spec.sampler == "grid" else [{}] * spec.size
    of_points = [spec.config(params, spec.base.seed) for params in grid]
    configs = [config for config in of_points for _ in range(spec.seeds)]  # a seed changes no time
    workers = resources.jobs().workers
    guess = "" if time_estimates.known() else " (a guess until this server has trained a run)"
    return (
        f"{spec.size} points × {spec.seeds} seed{'s' * (spec.seeds > 1)} = {len(configs)} runs, about "
        f"{duration(time_estimates.time_together(configs))} on {workers} worker{'s' * (workers > 1)}{guess}"
    )


def start(spec: SweepSpec, title: str) -> None:
    """Ask for it, and look at it from now on; what can't be trained here is said."""
    try:
        st.query_params[KEY] = actions.ask_for(spec, title)
    except InputError as problem:
        st.error(escape_markdown(str(problem)))
        return
    st.query_params.pop(ASKED, None)
    st.rerun()


def linked() -> bool:
    """Whether the visitor came by a link that asks for a sweep."""
    return ASKED in st.query_params


def link_to(spec: SweepSpec) -> str:
    """The value of the parameter that carries a whole sweep."""
    return json.dumps(spec.model_dump(mode="json", exclude_defaults=True), separators=(",", ":"), ensure_ascii=False)


def of_ones_own() -> None:
    """Fields, values, sampler, seeds and objectives; what is wrong is said below them."""
    if linked():
        _from_link()
        return
    bases = {name: preset.config for name, preset in PRESETS.items()}
    titles = {name: preset.title for name, preset in PRESETS.items()}
    if run_id := run_picker.selected():
        run = resources.run(run_id)
        bases = {CHOSEN_RUN: run.config, **bases}
        titles[CHOSEN_RUN] = f"The chosen run: {run.name}"
    left, right = st.columns([3, 2], gap="large")
    with left:
        chosen = st.selectbox(
            "Start from", list(bases), format_func=titles.__getitem__, key=f"{PREFIX}base", persist_state="session"
        )
        possible = [name for name in RunConfig.model_fields if name not in FIXED]
        fields = st.multiselect(
            "Go over",
            possible,
            format_func=lambda name: FIELD_TEXTS[name].title,
            default=["beta"],
            key=f"{PREFIX}fields",
            persist_state="session",
        )
        values = {name: _values_of(name) for name in fields}
    with right:
        options = _options(bases[chosen])
    try:
        over = dict(parse_over(f"{name}={text}") for name, text in values.items())
        spec = SweepSpec.parse(bases[chosen], over, **options)
        _look_up(spec)
    except InputError as problem:
        st.error(escape_markdown(str(problem)))
        return
    st.caption(cost(spec))
    if st.button("Run this sweep", key="own.start", type="primary", icon=":material/play_arrow:"):
        start(spec, " × ".join(FIELD_TEXTS[name].title for name in fields))


def _values_of(name: str) -> str:
    choices = CHOICES.get(name)
    default = DEFAULTS.get(name) or (", ".join(choices) if choices else str(RunConfig.model_fields[name].default))
    return st.text_input(
        f"Values of {FIELD_TEXTS[name].title}",
        default,
        key=f"{PREFIX}values.{name}",
        persist_state="session",
        help="A list such as 1, 2, 4, or a range to draw from such as 1e-4..1e-2, or 1e-4..1e-2:log.",
    )


def _options(base: RunConfig) -> dict:
    sampler = st.segmented_control(
        "How points are chosen",
        list(SAMPLERS),
        format_func=lambda name: SAMPLERS[name].title,
        default="grid",
        required=True,
        key=f"{PREFIX}sampler",
        persist_state="session",
        help="\n".join(f"- **{sampler.title}**: {sampler.description}" for sampler in SAMPLERS.values()),
    )
    points = 20
    with st.container(horizontal=True):
        seeds = st.number_input("Seeds", 1, MOST_SEEDS, 3, key=f"{PREFIX}seeds", persist_state="session")
        if sampler != "grid":
            points = st.number_input("Points", 1, 500, 20, key=f"{PREFIX}points", persist_state="session")
    objectives = st.pills(
        "Judged by (one or two)",
        list(OBJECTIVES),
        format_func=lambda name: OBJECTIVES[name].title,
        selection_mode="multi",
        default=["reconstruction"],
        key=f"{PREFIX}objectives",
        persist_state="session",
        wrap=True,
        help="\n".join(f"- **{objective.title}**: {objective.description}" for objective in OBJECTIVES.values()),
    )
    judged = "vae" if "vae" in base.variants else base.variants[0]
    of = st.segmented_control(
        "Judging the",
        list(base.variants),
        format_func=VARIANT_TITLES.__getitem__,
        default=judged,
        required=True,
        key=f"{PREFIX}of.{'.'.join(base.variants)}",
    )
    prune = st.toggle(
        "Stop hopeless points",
        key=f"{PREFIX}prune",
        persist_state="session",
        help="A point that is worse than the median of the earlier ones at the same epoch is not trained to its end.",
    )
    named = {"sampler": sampler, "seeds": seeds, "points": points, "objectives": tuple(objectives)}
    return named | {"of": of, "prune": prune}


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
        st.warning(f"The link's sweep was not taken over. {escape_markdown(reason)}")
        return
    ranges = "; ".join(f"{FIELD_TEXTS[name].title}: {_listed(values)}" for name, values in spec.over.items())
    st.markdown(
        f"The link asks for a sweep over {escape_markdown(ranges)}, from **{escape_markdown(naming.name(spec.base))}**."
    )
    st.caption(cost(spec))
    if st.button("Run this sweep", key="linked.start", type="primary", icon=":material/play_arrow:"):
        start(spec, " × ".join(FIELD_TEXTS[name].title for name in spec.over))


def _look_up(spec: SweepSpec) -> None:
    """Raises InputError when there is a data set of it that is not there: nothing could be said of its cost."""
    for name in (spec.base.dataset, *spec.over.get("dataset", ())):
        resources.dataset(name)


def _listed(values: Range | tuple[Value, ...]) -> str:
    if isinstance(values, Range):
        return f"{values.low:g} to {values.high:g}{', logarithmic' * values.log}"
    return ", ".join(map(str, values))
