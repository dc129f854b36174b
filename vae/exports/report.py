"""Runs compared, as one HTML file that opens without internet: figures, tables, pictures, and the run file inside."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from html import escape
from string import Template
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from ..argument import kept
from ..argument.claims import ARTICLE
from ..argument.picture import picture
from ..choices.likelihoods import LIKELIHOODS
from ..config import FIELD_TEXTS, RunConfig
from ..errors import InputError
from ..figures.latent import latent_scatter, plane_title, prior_of, side_by_side
from ..figures.overlay import overlaid_curves, rate_distortion
from ..figures.style import VARIANT_COLOURS, VARIANT_MARKS, VARIANT_SYMBOLS, VARIANT_TITLES
from ..figures.tiles import tile_rows
from ..figures.windows import Window
from ..metrics import METRICS, scalars, where_measured
from ..naming import experiment, words
from ..store.configurations import without_seed
from ..store.runs import Run, Store, now
from ..store.tensor_bytes import unpack
from .capsule import capsule
from .report_template import IMPORTED, PAGE, RUN_FILE, SCALES

MAX_RUNS = 50  # a page with more of them is no longer read, and slow to open
MAX_PICTURED = 12  # runs with latent spaces and reconstructions
IMAGES_IN_A_ROW = 10
# Plotly's dashes as SVG's.
DASHED = {"solid": "", "dash": "8 5", "dot": "2 4", "dashdot": "8 4 2 4", "longdash": "14 4", "longdashdot": "14 3 2 3"}


def comparison(store: Store, run_ids: Sequence[str], title: str = "") -> str:
    """The page. Raises InputError unless there are runs, not too many, and all of them are done."""
    ids = list(dict.fromkeys(run_ids))
    if len(ids) > MAX_RUNS:
        raise InputError(f"A report compares at most {MAX_RUNS} runs, not {len(ids)}.")
    runs = [store.run(run_id) for run_id in ids]
    trained = [run.id for run in runs if not run.imported]
    # It says what is wrong with a run that isn't done, and with none at all.
    sealed = capsule(store, trained) if trained or not ids else None
    run_file = [*([RUN_FILE] if trained else []), *([IMPORTED] if len(trained) < len(ids) else [])]
    history = pd.concat(
        [store.history(run.id).assign(run=label) for label, run in zip(labels(runs), runs, strict=True)]
    )
    figures: list[go.Figure] = []
    body = [
        _settings(runs),
        _tests(runs, history[history["split"] == "test"]),
        _curves(runs, history[history["split"] != "test"], figures),
        _plane(runs, history[history["split"] == "test"], figures),
        _argument(store, runs),
        *_pictured(store, runs[:MAX_PICTURED], figures),
    ]
    if len(runs) > MAX_PICTURED:
        body.append(f"<p>Pictures are shown for the first {MAX_PICTURED} runs only.</p>")
    body.append(_made_by(runs))
    return Template(PAGE).substitute(
        title=escape(title or ("One run" if len(runs) == 1 else f"{len(runs)} runs compared")),
        date=f"{now():%d %B %Y, %H:%M} UTC",
        runs=f"{len(runs)} run{'s' * (len(runs) > 1)}",
        run_file="\n".join(run_file),
        body="\n".join(body),
        capsule=_json(json.dumps(sealed, ensure_ascii=False, allow_nan=False)),
        figures=_json(f"[{','.join(figure.to_json() for figure in figures)}]"),
        plotly=get_plotlyjs().replace("</script", "<\\/script"),
    )


def labels(runs: Sequence[Run]) -> list[str]:
    """#1, #2, …: names may be long, and two runs may have the same."""
    return [f"#{number}" for number, _ in enumerate(runs, 1)]


def _json(text: str) -> str:
    """JSON that may lie in a <script>: nothing in it can end the element, or begin a comment."""
    return text.replace("<", "\\u003c")


def _figure(figures: list[go.Figure], drawing: go.Figure, alt: str) -> str:
    """A place for a figure, which the page's script fills."""
    figures.append(drawing)
    height = drawing.layout.height
    return f'<div class="figure" role="img" aria-label="{escape(alt)}" style="min-height:{height}px"></div>'


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], numbers_from: int) -> str:
    """`rows` are HTML already; columns from `numbers_from` on hold numbers."""
    kinds = ["" if i < numbers_from else ' class="number"' for i in range(len(header))]
    head = "".join(f"<th{kind}>{escape(name)}</th>" for kind, name in zip(kinds, header, strict=True))
    lines = [
        f"<tr>{''.join(f'<td{kind}>{cell}</td>' for kind, cell in zip(kinds, row, strict=True))}</tr>" for row in rows
    ]
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def _settings(runs: Sequence[Run]) -> str:
    """What differs as a table, what doesn't as a list to unfold."""
    fields = list(RunConfig.model_fields)
    values = {name: [words(name, getattr(run.config, name)) for run in runs] for name in fields}
    differing = [name for name in fields if len(set(values[name])) > 1]
    titles = [FIELD_TEXTS[name].title for name in differing]
    rows = [
        [label, _named(run), *(escape(values[name][i]) for name in differing)]
        for i, (label, run) in enumerate(zip(labels(runs), runs, strict=True))
    ]
    shared = [
        f"<tr><td>{escape(FIELD_TEXTS[name].title)}</td><td>{escape(values[name][0])}</td></tr>"
        for name in fields
        if name not in differing
    ]
    whose = "All settings" if len(runs) == 1 else "Settings that all runs share"
    listed = f"<details><summary>{whose}</summary><table>{''.join(shared)}</table></details>"
    heading = "The run" if len(runs) == 1 else "What differs"
    return f"<h2>{heading}</h2>{_table(['', 'Run', *titles], rows, 2)}{listed}"


def _named(run: Run) -> str:
    """Its name, and what people wrote about it."""
    tags = "".join(f'<span class="tag">{escape(tag)}</span>' for tag in run.tags)
    note = f'<div class="note">{escape(run.note)}</div>' if run.note else ""
    return f"{escape(run.name)} {tags}{note}"


def _variant(name: str) -> str:
    return f'<span class="dot" style="background:{VARIANT_COLOURS[name]}"></span>{VARIANT_TITLES[name]}'


def _tests(runs: Sequence[Run], test: pd.DataFrame) -> str:
    rows, names = [], where_measured(scalars(), lambda name: test[name].notna().any())
    for label, run in zip(labels(runs), runs, strict=True):
        measured = test[test["run"] == label].set_index("variant")
        for variant in run.config.variants:
            values = [measured.loc[variant, name] for name in names]
            texts = ["–" if pd.isna(value) else f"{value:.4g}" for value in values]
            rows.append([label, _variant(variant), *texts, escape(LIKELIHOODS[run.config.reconstruction].per_image)])
    units = {row[-1] for row in rows}
    # One unit is named at the numbers themselves, several in a column.
    titles = [METRICS[name].heading(*units) if len(units) == 1 else METRICS[name].title for name in names]
    header = ["", "Model", *titles, "Unit of reconstruction and objective"]
    if len(units) == 1:
        header, rows = header[:-1], [row[:-1] for row in rows]
    said = (
        "Means over test images, not used to choose anything. An autoencoder's objective is its reconstruction loss "
        "alone: compare reconstructions, not objectives."
    )
    return f"<h2>On the test images</h2>{_table(header, rows, 2)}<p>{said}</p>"


def _by_unit(runs: Sequence[Run]) -> dict[str, list[str]]:
    """Labels of the runs by reconstruction loss: numbers in different units share no axis."""
    found: dict[str, list[str]] = {}
    for label, run in zip(labels(runs), runs, strict=True):
        found.setdefault(run.config.reconstruction, []).append(label)
    return found


def _curves(runs: Sequence[Run], watched: pd.DataFrame, figures: list[go.Figure]) -> str:
    parts = ["<h2>Losses during training</h2>"]
    for reconstruction, wanted in _by_unit(runs).items():
        drawing = overlaid_curves(watched[watched["run"].isin(wanted)], LIKELIHOODS[reconstruction].per_image)
        parts.append(_figure(figures, drawing, f"Reconstruction and KL by epoch, of {', '.join(wanted)}"))
        parts.append(_legend(drawing))
    parts.append(
        "<p>Colour and marker show the model, the line style shows the run. Click a name to hide its curves; click "
        "again to show them.</p>"
    )
    return "".join(parts)


def _legend(drawing: go.Figure) -> str:
    """Names of a figure's lines, as buttons that hide and show them."""
    marks = {symbol: VARIANT_MARKS[variant] for variant, symbol in VARIANT_SYMBOLS.items()}
    found = {
        trace.name: (trace.line.color, DASHED[trace.line.dash], marks[trace.marker.symbol]) for trace in drawing.data
    }
    keys = [
        f'<button type="button" aria-pressed="true" data-name="{escape(name)}"><svg width="30" height="12">'
        f'<line x1="0" x2="30" y1="6" y2="6" stroke="{colour}" stroke-width="2.5" stroke-dasharray="{dash}"/>'
        f'<text x="15" y="10.5" text-anchor="middle" font-size="13" fill="{colour}">{mark}</text></svg>'
        f"{escape(name)}</button>"
        for name, (colour, dash, mark) in found.items()
    ]
    return f'<div class="legend">{"".join(keys)}</div>'


def _plane(runs: Sequence[Run], test: pd.DataFrame, figures: list[go.Figure]) -> str:
    with_kl = test[test["kl"].notna()]
    parts = []
    for reconstruction, wanted in _by_unit(runs).items():
        points = with_kl[with_kl["run"].isin(wanted)]
        if len(points):
            drawing = rate_distortion(points, LIKELIHOODS[reconstruction].per_image)
            parts.append(_figure(figures, drawing, f"Reconstruction against KL, of {', '.join(wanted)}"))
    said = (
        "On test images. Further right: a higher KL. Further down: a lower reconstruction loss. An autoencoder has no "
        "KL, so it is not shown here."
    )
    return f"<h2>Rate and distortion</h2>{''.join(parts)}<p>{said}</p>" if parts else ""


def _argument(store: Store, runs: Sequence[Run]) -> str:
    """The article's claims, as they stand for each configuration of the runs that something was measured of."""
    parts = []
    for config in dict.fromkeys(without_seed(run.config) for run in runs):
        found = kept.findings(kept.read(store, config))
        if any(finding.seeds for finding in found.values()):
            parts.append(f'<div class="wide">{picture(found, experiment(config))}</div>')
    link = f'<a href="{ARTICLE.address}">{ARTICLE.title}</a>, {ARTICLE.author}, {ARTICLE.site}'
    said = f"Claims of {link}, judged by all runs of the same configuration that were measured, on test images."
    return f"<h2>The article’s claims</h2><p>{said}</p>{''.join(parts)}" if parts else ""


def _pictured(store: Store, runs: Sequence[Run], figures: list[go.Figure]) -> list[str]:
    """Latent spaces and reconstructions of each run's last epoch, under a switch between two scales of the spaces."""
    snapshots = {
        (run.id, variant): unpack(payload)
        for run in runs
        for variant, payload in store.snapshots(run.id, run.last_epoch).items()
    }
    sizes = {run.id: run.config.latent_dim for run in runs}
    windows = side_by_side({key: (snapshot, sizes[key[0]]) for key, snapshot in snapshots.items()})
    cards = [
        _cards(label, run, unpack(store.originals(run.id)), snapshots, windows, figures)
        for label, run in zip(labels(runs), runs, strict=True)
    ]
    return [SCALES, *cards] if len(windows) > 1 else cards


def _cards(
    label: str,
    run: Run,
    watched: dict[str, np.ndarray],
    snapshots: Mapping[tuple[str, str], dict[str, np.ndarray]],
    windows: Mapping[tuple[str, str], Mapping[str, Window]],
    figures: list[go.Figure],
) -> str:
    config = run.config
    classes = [escape(name) for name in run.data["classes"]]  # plotly reads tags, and class names are anybody's
    cards = []
    for variant in config.variants:
        snapshot = snapshots[run.id, variant]
        prior = prior_of(snapshot, config.latent_dim)
        plane = plane_title(config.latent_dim, float(snapshot["plane_share"][0]), prior)
        window = windows[run.id, variant]
        drawing = latent_scatter(snapshot["codes"], watched["labels"], classes, config.latent_dim, window, prior)
        cards.append(
            f'<section style="border-top:4px solid {VARIANT_COLOURS[variant]}"><h3>{VARIANT_TITLES[variant]}</h3>'
            f"<p>{escape(plane)}</p>{_figure(figures, drawing, f'Codes of the {VARIANT_TITLES[variant]}')}"
            f"{_reconstructions(watched['images'], snapshot, run.shape, VARIANT_TITLES[variant])}"
            "</section>"
        )
    said = f"{run.watched_images.capitalize()} images, after epoch {run.last_epoch}."
    if run.ending:
        said += f" {run.ending}"
    return f'<h2>{label} {escape(run.name)}</h2><p>{said}</p><div class="cards">{"".join(cards)}</div>'


def _reconstructions(
    originals: np.ndarray, snapshot: dict[str, np.ndarray], shape: tuple[int, int, int], title: str
) -> str:
    rows, names = [originals, snapshot["from_mean"]], ["originals", "reconstructions"]
    if "from_sample" in snapshot:
        names[1] = "from the mean μ"
        rows.append(snapshot["from_sample"])
        names.append("from a sample z")
    png = tile_rows(rows, shape, min(IMAGES_IN_A_ROW, len(originals)))
    source = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    return f'<img src="{source}" alt="{title}: {", ".join(names)}"><p>Rows: {" · ".join(names)}.</p>'


def _made_by(runs: Sequence[Run]) -> str:
    """Which program and which computer the numbers come from."""
    seen: dict[str, list[str]] = {}
    for label, run in zip(labels(runs), runs, strict=True):
        seen.setdefault(_maker(run.versions or {}, run.data.get("machine") or {}), []).append(label)
    lines = "".join(f"<li>{', '.join(wanted)}: {escape(made)}</li>" for made, wanted in seen.items())
    return f"<h2>Software and computer</h2><ul>{lines}</ul>"


def _maker(versions: dict[str, str], machine: dict[str, Any]) -> str:
    parts = [f"{name} {value}" for name, value in versions.items()]
    parts += [f"{name} {machine[name]}" for name in ("system", "processor", "threads") if machine.get(name)]
    return ", ".join(parts)
