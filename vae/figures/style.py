"""Colours and words that every figure shares."""

# One colour per variant, everywhere. Distinguishable with every common colour-vision deficiency, and at least 3:1
# against both the light and the dark page.
VARIANT_COLOURS = {"ae": "#2A7FCB", "noise_only": "#B0609A", "kl_only": "#17936B", "vae": "#D9730D"}
VARIANT_TITLES = {
    "ae": "Autoencoder",
    "noise_only": "Noise only",
    "kl_only": "KL only",
    "vae": "Variational autoencoder",
}
NEUTRAL = "#8A8F98"  # lines that belong to no variant

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

BARE = {
    "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "showlegend": False,
    "hoverlabel": {"font": {"size": 13}},
}
GRID = {"gridcolor": "rgba(138,143,152,0.22)", "zeroline": False, "automargin": True}
