"""Reconstructions and codes of the same images by the chosen runs, side by side."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import streamlit as st

from pages.components.figure import figure
from pages.components.scale_switch import scale_switch
from pages.shared.image_strips import heading, strip
from pages.state import resources
from vae.figures import latent
from vae.figures.latent import latent_scatter, plane_title, prior_of
from vae.figures.style import VARIANT_COLOURS, VARIANT_TITLES
from vae.figures.windows import Window

from .compared_runs import ComparedSetting

IMAGES = 8
VARIANTS_IN_A_ROW = 2
SCATTERS_IN_A_ROW = 4


def side_by_side(found: Sequence[ComparedSetting]) -> None:
    """Reconstructions and codes, of the first seed of each of the settings, at its last epoch."""
    alike: dict[str, list[ComparedSetting]] = {}
    for setting in found:
        if key := _images(setting):
            alike.setdefault(key, []).append(setting)
    if not alike:
        st.caption("None of these runs has pictures yet.")
        return
    for together in alike.values():
        if len(alike) > 1:
            st.markdown(f"**{', '.join(setting.letter for setting in together)}**")
        _rebuilt(together)
    which = ", ".join(
        f"{setting.letter} seed {setting.shown.config.seed}" for setting in found if len(setting.runs) > 1
    )
    st.caption(
        f"The first {IMAGES} {_watched(found)} images at each run's last epoch"
        + (f"; of several seeds the first ({which})" if which else "")
        + "."
        + (" Settings with other validation images are shown apart." if len(alike) > 1 else "")
    )
    st.header("Codes of these images")
    windows = latent.side_by_side(
        {
            (setting.letter, variant): (pictures, setting.config.latent_dim)
            for together in alike.values()
            for setting in together
            for variant, pictures in resources.snapshot(setting.shown.id, setting.shown.epoch).items()
        }
    )
    if len(windows) > 1:
        scale_switch("scale.compare")
    for together in alike.values():
        _codes(together, windows)


def _watched(found: Sequence[ComparedSetting]) -> str:
    kinds = {setting.shown.watched_images for setting in found if setting.shown.data}
    return " or ".join(sorted(kinds, reverse=True))


def _images(setting: ComparedSetting) -> str | None:
    """The same for settings whose runs were watched on the same images; None for those without pictures."""
    if setting.shown.epoch < 0 or not resources.store().originals(setting.shown.id):
        return None
    images = resources.originals(setting.shown.id)
    return hashlib.sha256(images["images"].tobytes() + images["labels"].tobytes()).hexdigest()


def _rebuilt(together: Sequence[ComparedSetting]) -> None:
    """A column per variant, the settings below one another, so that each image stands above itself."""
    images, shape = resources.originals(together[0].shown.id)["images"], together[0].shown.shape
    present = _variants(together)
    columns = [
        column
        for _ in range(0, len(present), VARIANTS_IN_A_ROW)
        for column in st.columns(min(len(present), VARIANTS_IN_A_ROW))
    ]
    for column, variant in zip(columns, present, strict=False):
        colour = VARIANT_COLOURS[variant]
        with column:
            heading(VARIANT_TITLES[variant], colour)
            strip("Originals", images[:IMAGES], shape, IMAGES)
            for setting in together:
                pictures = resources.snapshot(setting.shown.id, setting.shown.epoch).get(variant)
                if pictures is None:
                    continue
                both = "from_sample" in pictures
                words = f"{setting.letter}, from the mean" if both else setting.letter
                strip(words, pictures["from_mean"][:IMAGES], shape, IMAGES, colour)
                if both:
                    strip(f"{setting.letter}, from a sample", pictures["from_sample"][:IMAGES], shape, IMAGES, colour)


def _codes(together: Sequence[ComparedSetting], windows: Mapping[tuple[str, str], Mapping[str, Window]]) -> None:
    """A row of scatters for each variant."""
    images = resources.originals(together[0].shown.id)
    for variant in _variants(together):
        with_variant = [setting for setting in together if variant in setting.config.variants]
        heading(VARIANT_TITLES[variant], VARIANT_COLOURS[variant])
        for start in range(0, len(with_variant), SCATTERS_IN_A_ROW):
            part = with_variant[start : start + SCATTERS_IN_A_ROW]
            for column, setting in zip(
                st.columns(max(2, min(len(with_variant), SCATTERS_IN_A_ROW))), part, strict=False
            ):
                pictures = resources.snapshot(setting.shown.id, setting.shown.epoch).get(variant)
                if pictures is None:
                    continue
                latent_dim, classes = setting.config.latent_dim, setting.shown.data["classes"]
                share, prior = float(pictures["plane_share"][0]), prior_of(pictures, latent_dim)
                with column:
                    st.caption(f"**{setting.letter}**: {plane_title(latent_dim, share, prior)}")
                    drawing = latent_scatter(
                        pictures["codes"],
                        images["labels"],
                        classes,
                        latent_dim,
                        windows[setting.letter, variant],
                        prior,
                    )
                    drawing.update_layout(height=300)
                    alt = f"Codes of {setting.letter}, {VARIANT_TITLES[variant]}"
                    figure(drawing, key=f"compare.codes.{variant}.{setting.letter}", alt=alt)


def _variants(together: Sequence[ComparedSetting]) -> list[str]:
    return [name for name in VARIANT_COLOURS if any(name in setting.config.variants for setting in together)]
