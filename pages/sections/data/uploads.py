"""Images of one's own: read, looked at, kept, trained on, deleted."""

from __future__ import annotations

import time
from pathlib import PurePath
from typing import Literal

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from pages.shared import settings_form
from pages.state import resources
from pages.state.memory_cache import MemoryCache
from pages.text.escape_markdown import escape_markdown
from pages.visitors import actions
from vae.config import PRESETS
from vae.datasets import Images, image_shape
from vae.datasets.imported import (
    CHOICES,
    LARGEST,
    PACKED,
    READERS,
    SMALLEST,
    Ambiguous,
    Choices,
    Imported,
    Limits,
    NeedsSize,
    read,
    validation_size,
)
from vae.errors import InputError
from vae.store import uploaded_images

from . import dataset_summary

_previews = MemoryCache(100 * 2**20)  # images of all visitors that are looked at before they are kept
PREVIEW, KEPT, ROUND = "own.preview", "own.kept", "own.round"
AS_FOUND = "as in the file"
BETWEEN = 0.1  # seconds between two moves of the bar


def upload() -> None:
    """Choose a file, look at what is in it, then keep it. Nothing is stored before that."""
    limits = Limits.of(resources.settings())
    st.markdown(
        "**.zip** of PNG or JPEG pictures (folders are labels), **.npz** or **.npy** arrays, or **.csv** (one image "
        "per line, with or without a label). Coloured images keep their colours, or become grey if you say so. Images "
        f"of {SMALLEST} to {LARGEST} pixels a side keep their size."
    )
    most = min(limits.upload_bytes >> 20, st.get_option("server.maxUploadSize"))
    turn = st.session_state.setdefault(ROUND, 0)  # another key empties the widget
    kinds = [*(ending for ending in READERS if ending.startswith(".")), PACKED]
    file = st.file_uploader("Your images", kinds, key=f"own.file.{turn}", max_upload_size=most)
    if file is None:
        st.session_state.pop(PREVIEW, None)
        _just_kept()
        return
    st.session_state.pop(KEPT, None)
    choices_at, told = st.container(), st.container()
    try:
        with choices_at:
            choices = _choices(file)
        with told:
            imported = _read_once(file, choices, limits)
    except (Ambiguous, NeedsSize) as question:
        with told:
            _ask(file, question)
    except InputError as problem:
        told.error(f"Nothing was stored. {escape_markdown(str(problem))}")
    else:
        with told:
            _preview(imported, file)


def _key(field: str, file: UploadedFile) -> str:
    """Of a control for this file: another file starts anew."""
    return f"own.choice.{field}.{file.file_id}"


def _choices(file: UploadedFile) -> Choices:
    """What the visitor says of how to read the file. Raises InputError."""
    typed: dict[str, str | None] = {}
    with st.popover("How to read it", icon=":material/tune:"):
        for name, choice in CHOICES.items():
            key = _key(name, file)
            if name == "invert":
                typed[name] = "yes" if st.toggle(choice.title, key=key, help=choice.description) else None
            else:
                typed[name] = st.selectbox(
                    choice.title,
                    choice.usual,
                    index=None,
                    placeholder=AS_FOUND,
                    accept_new_options=True,
                    key=key,
                    help=choice.description,
                )
    return Choices.parse(typed)


def _ask(file: UploadedFile, question: Ambiguous | NeedsSize) -> None:
    """The file can be read in several ways, or needs a size: the answer settles that choice."""
    field = question.field if isinstance(question, Ambiguous) else "size"
    readings = question.readings if isinstance(question, Ambiguous) else dict.fromkeys(CHOICES["size"].usual, "")
    answer = f"own.answer.{field}.{file.file_id}"

    def settle() -> None:
        st.session_state[_key(field, file)] = st.session_state[answer]

    st.warning(escape_markdown(str(question)), icon=":material/help:")
    st.radio(
        CHOICES[field].title,
        list(readings),
        index=None,
        format_func=lambda value: escape_markdown(f"{value} ({readings[value]})" if readings[value] else value),
        key=answer,
        on_change=settle,
        horizontal=not any(readings.values()),
    )


def _ask_for_colours(file: UploadedFile, images: Images) -> None:
    """Coloured images keep their colours unless this says otherwise; it stands beside what becomes of them."""
    kept, grey = CHOICES["colours"].usual
    answer, settled = f"own.answer.colours.{file.file_id}", _key("colours", file)

    def settle() -> None:
        st.session_state[settled] = st.session_state[answer]

    st.session_state[answer] = kept if images.shape[0] > 1 else grey
    choice = CHOICES["colours"]
    st.radio(choice.title, choice.usual, key=answer, on_change=settle, horizontal=True, help=choice.description)


def _read_once(file: UploadedFile, choices: Choices, limits: Limits) -> Imported:
    """What is in the file; read again only when the file or a choice is another. Raises InputError."""
    wanted = (file.file_id, choices)
    refused = st.session_state.get(PREVIEW)
    if refused and refused[0] == wanted:
        raise refused[1]
    st.session_state.pop(PREVIEW, None)
    try:
        return _previews.get(wanted, lambda: _read_aloud(file, choices, limits))
    except InputError as problem:
        st.session_state[PREVIEW] = (wanted, problem)
        raise


def _read_aloud(file: UploadedFile, choices: Choices, limits: Limits) -> Imported:
    """With a bar that moves. Raises InputError."""
    bar, moved = st.progress(0.0, text="Reading …"), 0.0

    def show(share: float, what: str) -> None:
        nonlocal moved
        if time.monotonic() - moved > BETWEEN:
            bar.progress(min(share, 1.0), text=f"{what}: {share:.0%}")
            moved = time.monotonic()

    try:
        return read(file.name, file.getvalue(), choices, limits, show)
    finally:
        bar.empty()


def _preview(imported: Imported, file: UploadedFile) -> None:
    images = imported.images
    channels, height, width = images.shape
    if imported.coloured:
        _ask_for_colours(file, images)
    st.markdown(
        f"**{len(images.train_x) + len(images.test_x):,} images** of {height}×{width} pixels"
        f"{' in colour' if channels > 1 else ''}, "
        f"{len(images.test_x):,} of them for testing"
        + (f", in {len(images.classes)} classes." if len(images.classes) > 1 else ", without classes.")
    )
    for sentence in imported.warnings:
        st.warning(escape_markdown(sentence), icon=":material/visibility:")
    if imported.notes:
        st.caption(escape_markdown(" ".join(imported.notes)))
    dataset_summary.samples(images, "own")
    dataset_summary.class_counts(images, "own")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        stem = PurePath(file.name).stem[: uploaded_images.LONGEST_TITLE]
        name = st.text_input(
            "Name", stem, key=f"own.name.{images.hash}", max_chars=uploaded_images.LONGEST_TITLE, width=320
        )
        keep = st.button("Keep these images", type="primary", icon=":material/save:")
    if keep:
        try:
            kept = actions.keep_images(name, images)
        except InputError as problem:
            st.error(escape_markdown(str(problem)))
            return
        resources.forget()
        st.session_state[KEPT] = kept.name
        st.session_state[ROUND] += 1
        st.session_state.pop(PREVIEW, None)
        st.rerun()


def _just_kept() -> None:
    """What to do with the images that were kept a moment ago."""
    name = st.session_state.get(KEPT)
    catalogue = resources.catalogue()
    if name in catalogue:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.success(
                f"{escape_markdown(catalogue[name].title)} is kept; every page can use it now.", icon=":material/check:"
            )
            _train_button(name, catalogue[name].train_size, "Train on them", "primary", "kept")


def listed() -> None:
    """All images of one's own that are in the database."""
    uploads = uploaded_images.listed(resources.store())
    if not uploads:
        return
    st.header("Kept in the database")
    for upload_ in uploads:
        channels, height, width = image_shape(upload_.info["shape"])
        count = upload_.info["train_size"] + upload_.info["test_size"]
        with st.container(horizontal=True, vertical_alignment="center", key=f"own.row.{upload_.name}"):
            st.markdown(f"**{escape_markdown(upload_.title)}**", width="stretch")
            colour = " in colour" if channels > 1 else ""
            st.caption(f"{count:,} images, {height}×{width}{colour} · `{upload_.name}`")
            with st.container(horizontal=True, width="content"):
                _train_button(upload_.name, upload_.info["train_size"], "Train", "secondary", "row")
                _delete(upload_)


def _train_button(name: str, train_size: int, label: str, kind: Literal["primary", "secondary"], key: str) -> None:
    if st.button(label, type=kind, icon=":material/play_arrow:", key=f"own.train.{key}.{name}"):
        changes = {"dataset": name, "validation_size": validation_size(train_size)}
        settings_form.fill(PRESETS["quick"].config.model_copy(update=changes))
        st.switch_page("train.py", query_params={field: str(value) for field, value in changes.items()})


def _delete(upload_: uploaded_images.Upload) -> None:
    reason = actions.refusal(upload_.visitor, "images", "delete them")
    with st.popover("Delete", icon=":material/delete:", disabled=reason is not None, help=reason):
        st.markdown(f"“{escape_markdown(upload_.title)}” will be deleted for everybody who uses this dashboard.")
        if st.button("Delete for good", key=f"own.delete.{upload_.name}"):
            try:
                actions.remove_images(upload_)
            except InputError as problem:
                st.error(escape_markdown(str(problem)))
                return
            resources.forget()
            st.rerun()
