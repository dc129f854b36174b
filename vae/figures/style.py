"""Colours, marks and words that every figure shares.

A colour means one thing on all pages: blue is the autoencoder, orange the VAE. Every colour here has a contrast of at
least 3:1 against both the light and the dark page, which leaves little room between them in brightness: in grey all of
them look alike. So nothing rests on colour alone. Variants differ in their markers and hatchings too; dashes tell runs
or settings apart, or what else a figure compares.
"""

from typing import Any

VARIANT_COLOURS = {
    "ae": "#2A7FCB",
    "noise_only": "#B0609A",
    "kl_only": "#17936B",
    "vae": "#D9730D",
    "denoising": "#30A854",
    "contractive": "#546C24",
    "rae": "#5448F0",
    "code_noise": "#E40CCC",
}
VARIANT_TITLES = {
    "ae": "Autoencoder",
    "noise_only": "Noise only",
    "kl_only": "KL only",
    "vae": "Variational autoencoder",
    "denoising": "Denoising autoencoder",
    "contractive": "Contractive autoencoder",
    "rae": "Regularised autoencoder",
    "code_noise": "Code-noise autoencoder",
}
VARIANT_SHORT = {  # at the end of a line
    "ae": "AE",
    "noise_only": "Noise only",
    "kl_only": "KL only",
    "vae": "VAE",
    "denoising": "Denoising",
    "contractive": "Contractive",
    "rae": "Regularised",
    "code_noise": "Code noise",
}
VARIANT_SYMBOLS = {  # plotly's
    "ae": "square",
    "noise_only": "triangle-up",
    "kl_only": "diamond-open",
    "vae": "circle",
    "denoising": "star",
    "contractive": "x",
    "rae": "cross",
    "code_noise": "triangle-down-open",
}
VARIANT_MARKS = {  # the same ones in text
    "ae": "■",
    "noise_only": "▲",
    "kl_only": "◇",
    "vae": "●",
    "denoising": "★",
    "contractive": "✖",
    "rae": "✚",
    "code_noise": "▽",
}
VARIANT_PATTERNS = {  # plotly's hatchings of bars
    "ae": "",
    "noise_only": ".",
    "kl_only": "x",
    "vae": "/",
    "denoising": "\\",
    "contractive": "-",
    "rae": "+",
    "code_noise": "|",
}
SPARSE = 8  # markers along a curve of many points: enough to tell whose it is

NEUTRAL = "#8A8F98"  # lines that belong to nothing in particular
ALARM = "#C03A3A"  # what is wrong, forbidden or missing: an error, a negative variance, a gradient that does not arrive
TERM_COLOURS = {
    "reconstruction": "#14919B",
    "kl": "#7A62E0",
    "loss": "#86622A",
    "penalty": "#D8006C",
}  # of the objective
ESTIMATOR_COLOURS = {
    "pathwise": "#B8189A",
    "score_function": "#648400",
    "score_function_loo": "#9A5566",
    "detached": ALARM,  # no gradient arrives
}
SCORE_COLOURS = {"mig": "#9A3FD0", "factor_vae": "#9C8600"}  # of codes against known factors
BADGE_COLOURS = {"holds": "#3DA607", "depends": "#A38C71", "fails": ALARM}  # of claims; all else is neutral
PART_COLOURS = {"training": "#5A7D5A", "test": NEUTRAL}  # of a data set

VALUE_COLOURS = ((0, "#8A5FBF"), (1, "#B8860B"))  # from the least of a quantity to the most

# All colours that mean something, by what they tell apart. Classes are not among them: ten hues must repeat some.
COLOURS_BY_MEANING = {
    "variant": VARIANT_COLOURS,
    "term": TERM_COLOURS,
    "estimator": ESTIMATOR_COLOURS,
    "score": SCORE_COLOURS,
    "badge": BADGE_COLOURS,
    "part": PART_COLOURS,
    "other": {"neutral": NEUTRAL, "alarm": ALARM},
}

# Ten classes; each cloud also carries its name, so nothing rests on telling ten hues apart.
CLASS_COLOURS = [
    "#4E79A7",
    "#F28E2B",
    "#59A14F",
    "#E15759",
    "#B07AA1",
    "#9C755F",
    "#EDC948",
    "#76B7B2",
    "#FF9DA7",
    "#79706E",
]

# Plotly's dashes, for what colour does not tell: runs, or other settings.
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")

BARE: dict[str, Any] = {
    "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "showlegend": False,
    "hoverlabel": {"font": {"size": 13}},
}
GRID: dict[str, Any] = {"gridcolor": "rgba(138,143,152,0.22)", "zeroline": False, "automargin": True}


def veil(colour: str, opacity: float) -> str:
    """`colour`, #RRGGBB, as plotly writes it when something shows through."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"
