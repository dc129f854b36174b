"""A link for slides: page, run, epoch, what is chosen on the page, and what is hidden.

It tells every setting of its run, so that a server without the run can train it. Opened by anyone, it shows the page as
it was; what can't be read in it is named in a sentence, and the rest is used.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages._lessons import Lesson
from pages.components import present
from pages.shared import epochs, predict, run_picker, settings_form
from pages.shared.dataset_download import offer_download
from pages.shared.epochs import EPOCH, RUN
from pages.shared.page_head import page_head
from pages.shared.share_link import address
from pages.state import resources
from pages.text.escape_markdown import escape_markdown
from pages.visitors import actions
from vae.config import RunConfig
from vae.errors import InputError
from vae.store.runs import Run

from . import linked_run
from .fixed_values import fixed_on

HIDE, QUESTIONS = "hide", "questions"  # in the address
WITHOUT = "off"  # of QUESTIONS: verdicts stand there at once
READ = "links.read"  # in the session: what was read from the address, by page and parameter, and whether it made sense
AWAITED = "links.awaited"  # in the session: the run that was trained for a link
POLL = 0.5  # seconds between looks at it
HERE_TRAINS = "train.py"  # shows what a link asks for in its form, and a run from its first epoch on


def hidden() -> list[str]:
    """What the address hides, keys of `present.HIDDEN`; anything else in it is passed over."""
    asked = st.query_params.get(HIDE, "").split(",")
    return [name for name in present.HIDDEN if name in asked]


def open_page(lesson: Lesson, page: Callable[[], None]) -> None:
    """Draw a page as the address fixes it, or say what it needs first."""
    if lesson.of_a_run and (wanted := _missing(lesson)):
        _offer(lesson, wanted)
        return
    run = _shown() if lesson.of_a_run else None
    if run and run.active and st.session_state.get(AWAITED) == run.id:
        page_head(lesson.file)
        st.fragment(_await, run_every=POLL)(run.id)
        return
    predict.always_shown(st.query_params.get(QUESTIONS) == WITHOUT)
    if unread := _read(lesson, run):
        names = ", ".join(f"`{name}`" for name in unread)  # names of ours, never what the link says
        st.warning(f"Part of the link can't be read here and was not used: {names}.", icon=":material/link_off:")
    page()


def link_for_slides(lesson: Lesson, path: str) -> None:
    """A button that makes the link of the page that is shown, whose address ends with `path`."""
    st.fragment(_popover)(lesson, path)


def show_everything() -> None:
    """Where the address hides something, a button that shows it again."""
    if hidden() and st.button("Show everything", icon=":material/visibility:", type="tertiary"):
        st.query_params.pop(HIDE)
        st.rerun()


def query(lesson: Lesson, hide: list[str], asked: bool, presented: bool) -> dict[str, str]:
    """Parameters of the link to the page as this visitor sees it.

    `hide` keys of `present.HIDDEN`; `asked`: whether its questions stand before verdicts; `presented`: in present mode.
    """
    run, entries = _shown() if lesson.of_a_run else None, fixed_on(lesson.file)
    ours = {HIDE, QUESTIONS, present.PARAMETER, *(entry.parameter for entry in entries)}
    ours |= {RUN, EPOCH, *RunConfig.model_fields} if run else set()
    link = {name: value for name, value in st.query_params.items() if name not in ours}  # the page's own: claim, sweep
    if run:
        link |= {RUN: run.id, **run.config.query()}
        epoch = epochs.looked_at(run.id)
        link |= {} if epoch is None else {EPOCH: str(epoch)}
    values = {entry: st.session_state.get(entry.key) for entry in entries}
    written = {entry.parameter: entry.write(value, run) for entry, value in values.items() if value is not None}
    link |= {name: text for name, text in written.items() if text is not None}
    link |= {HIDE: ",".join(hide)} if hide else {}
    link |= {} if asked else {QUESTIONS: WITHOUT}
    return link | ({present.PARAMETER: "1"} if presented else {})


def _shown() -> Run | None:
    """The run that the page shows, as far as the address or the session names it."""
    run_id = st.query_params.get(RUN) or st.session_state.get(run_picker.KEY)
    return _run(run_id) if run_id else None


def _run(run_id: str) -> Run | None:
    try:
        return resources.run(run_id)
    except InputError:
        return None


def _missing(lesson: Lesson) -> RunConfig | None:
    """What the address asks for, where no run of this server is that; one that is there is selected."""
    if (asked := st.query_params.get(RUN)) and _run(asked):
        return None
    try:
        wanted = linked_run.described()
    except InputError as problem:
        if lesson.file != HERE_TRAINS:
            st.warning(
                escape_markdown(f"The settings in the link were not used. {problem}"), icon=":material/link_off:"
            )
        return None
    if wanted:
        st.query_params.pop(RUN, None)  # of another server: its settings say which it was
    return linked_run.open_run() if lesson.file != HERE_TRAINS else None


def _offer(lesson: Lesson, wanted: RunConfig) -> None:
    """Say which run the link needs, and train it."""
    page_head(lesson.file)
    try:
        ready = settings_form.available(wanted)
    except InputError as problem:  # a data set that somebody brought to another server
        st.error(escape_markdown(f"The link needs a data set that isn't here. {problem}"))
        return
    if not ready:
        offer_download(wanted.dataset)
    if linked_run.offer(wanted, ready):
        try:
            run_id = actions.train(wanted)
        except InputError as problem:
            st.error(escape_markdown(str(problem)))
            return
        st.session_state[AWAITED] = run_id
        run_picker.select(run_id)
        st.rerun()


def _await(run_id: str) -> None:
    run = resources.run(run_id)
    if not run.active:
        resources.forget()
        st.rerun()
    epoch = max(run.epoch, 0)
    what = "is waiting for a free worker" if run.status == "queued" else f"epoch {epoch} of {run.config.epochs}"
    st.progress(
        epoch / run.config.epochs, text=f"Training the run of the link: {what}. The page is shown once it is done."
    )


def _read(lesson: Lesson, run: Run | None) -> list[str]:
    """Put what the address fixes into the session, each value once; names of parameters that make no sense."""
    read = st.session_state.setdefault(READ, {})
    for entry in fixed_on(lesson.file):
        text, place = st.query_params.get(entry.parameter), (lesson.file, entry.parameter)
        if text is None or read.get(place, ("",))[0] == text:
            continue
        try:
            st.session_state[entry.taken_as or entry.key] = entry.parse(text, run)
            read[place] = (text, True)
        except ValueError:
            read[place] = (text, False)
    unread = [
        name
        for (file, name), (text, sound) in read.items()
        if file == lesson.file and not sound and st.query_params.get(name) == text
    ]
    if ",".join(hidden()) != st.query_params.get(HIDE, ""):
        unread.append(HIDE)
    return unread


def _popover(lesson: Lesson, path: str) -> None:
    label, icon = "Link for slides", ":material/add_link:"
    with st.popover(label, icon=icon, type="tertiary", key="links.slides", on_change="rerun") as box:
        if not box.open:
            return
        st.caption("Opens this page as it is now, on any server: one without the run can train it.")
        hide = st.pills(
            "Hide", list(present.HIDDEN), format_func=str.capitalize, default=hidden(), selection_mode="multi"
        )
        with st.container(horizontal=True):
            asked = st.checkbox("Ask before each verdict", value=st.query_params.get(QUESTIONS) != WITHOUT)
            presented = st.checkbox("In present mode", value=present.presenting())
        st.code(address(path, query(lesson, hide, asked, presented)), language=None, wrap_lines=True)
