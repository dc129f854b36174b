"""The computation x → μ, log σ² → z → x̂ → loss, with the gradient's size on every edge it takes back."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from .style import ALARM, NEUTRAL, TERM_COLOURS, VARIANT_COLOURS

WIDTH, HEIGHT = 940, 330
LEAST_WIDTH = 640  # a phone scrolls it: smaller, nobody could read it
FORWARD, BACKWARD, DEAD = NEUTRAL, TERM_COLOURS["reconstruction"], ALARM
TEXT = "font-family:inherit;fill:currentColor"
MIDDLE, UP, DOWN = 165, 90, 240

BOXES = {  # name → (x, y, width, label)
    "x": (40, MIDDLE, 54, "x"),
    "encoder": (170, MIDDLE, 96, "encoder"),
    "mu": (320, UP, 72, "μ"),
    "logvar": (320, DOWN, 72, "log σ²"),
    "z": (490, MIDDLE, 60, "z"),
    "decoder": (635, MIDDLE, 96, "decoder"),
    "x_hat": (765, MIDDLE, 54, "x̂"),
    "loss": (875, MIDDLE, 96, "reconstruction"),
}


def gradient_graph(norms: Mapping[str, float], estimator: str) -> str:
    """`norms`: place → norm of the reconstruction's gradient there, all places of `gradients.gradient_norms`.

    Gradients go from right to left below the edges; one that is 0 is drawn broken. The score function's way from the
    loss to μ and log σ² passes over z, by log q(z|x).
    """
    score = estimator.startswith("score_function")
    parts = [_forward(*pair) for pair in (("x", "encoder"), ("encoder", "mu"), ("encoder", "logvar"))]
    parts += [_forward("mu", "z"), _forward("logvar", "z"), _forward("z", "decoder")]
    parts += [_forward("decoder", "x_hat"), _forward("x_hat", "loss"), _noise()]
    parts.append(_back("loss", "x_hat", norms["logits"], "∂/∂logits"))
    parts.append(_back("decoder", "z", norms["z"], "∂/∂z"))
    through_mu, through_logvar = (0.0, 0.0) if score else (norms["mu"], norms["logvar"])
    parts.append(_back("z", "mu", through_mu, "" if score else "∂/∂μ", (428, 106)))
    parts.append(_back("z", "logvar", through_logvar, "" if score else "∂/∂log σ²", (432, 256)))
    if score:
        parts.append(_over(norms["mu"], norms["logvar"]))
    parts.append(_back("mu", "encoder", norms["encoder_weights"], None))
    parts.append(_back("logvar", "encoder", norms["encoder_weights"], None))
    for name in ("encoder", "decoder"):
        parts.append(_words(BOXES[name][0], MIDDLE + 40, "its weights", norms[f"{name}_weights"]))
    parts += [_box(name) for name in BOXES]
    title = escape(
        f"Gradient norms with {estimator}: " + ", ".join(f"{place} {value:.3g}" for place, value in norms.items())
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}" '
        f'style="width:100%;min-width:{LEAST_WIDTH}px;height:auto;display:block">{"".join(parts)}</svg>'
    )


def _ends(left: str, right: str) -> tuple[float, float, float, float]:
    """Where an edge leaves one box and meets the other."""
    ax, ay, aw, _ = BOXES[left]
    bx, by, bw, _ = BOXES[right]
    return (ax + aw / 2, ay, bx - bw / 2, by) if ax < bx else (ax - aw / 2, ay, bx + bw / 2, by)


def _forward(left: str, right: str) -> str:
    x1, y1, x2, y2 = _ends(left, right)
    return f'<line x1="{x1}" y1="{y1 - 7}" x2="{x2}" y2="{y2 - 7}" stroke="{FORWARD}" stroke-width="1.5"/>'


def _back(source: str, target: str, norm: float, label: str | None, at: tuple[float, float] | None = None) -> str:
    """A gradient's edge, from `source` back to `target`; its words below it, or `at` a place, or (None) nowhere."""
    x1, y1, x2, y2 = _ends(source, target)
    y1, y2 = y1 + 7, y2 + 7
    colour, dash = (BACKWARD, "") if norm > 0 else (DEAD, ' stroke-dasharray="3 5"')
    width = 2.5 if norm > 0 else 2
    line = f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{colour}" stroke-width="{width}"{dash}/>'
    across, down = (x1 + x2) / 2, (y1 + y2) / 2
    if norm > 0:
        head = _head(x1, y1, x2, y2, colour)
    else:
        head = (
            f'<path d="M {across - 6} {down - 6} L {across + 6} {down + 6} M {across - 6} {down + 6} '
            f'L {across + 6} {down - 6}" stroke="{DEAD}" stroke-width="2.5"/>'
        )
    if label is None:
        return line + head
    return line + head + _words(*(at or (across, down + 30)), label, norm)


def _over(mu: float, logvar: float) -> str:
    """The score function's way: from the loss, by log q(z|x), to μ and log σ²."""
    loss_x, loss_y, _, _ = BOXES["loss"]
    parts = []
    for name, norm, bend, side in (("mu", mu, 8, -1), ("logvar", logvar, HEIGHT - 8, 1)):
        x, y, width, _ = BOXES[name]
        start = f"M {loss_x} {loss_y + side * 20}"
        colour, dash = (BACKWARD, "") if norm > 0 else (DEAD, ' stroke-dasharray="3 5"')
        parts.append(
            f'<path d="{start} C {loss_x} {bend}, {x + 140} {bend}, {x + width / 2 + 8} {y + side * 4}" fill="none" '
            f'stroke="{colour}" stroke-width="2.5"{dash}/>'
        )
        if norm > 0:
            parts.append(_head(x + 60, y + side * 12, x + width / 2, y, colour))
        parts.append(
            _words(600, bend + (44 if side < 0 else -58), f"(f − b) · ∂log q/∂{'μ' if side < 0 else 'log σ²'}", norm)
        )
    return "".join(parts)


def _noise() -> str:
    x, y, _, _ = BOXES["z"]
    return (
        f'<circle cx="{x}" cy="{y - 92}" r="17" fill="none" stroke="{NEUTRAL}" stroke-width="1.5" '
        'stroke-dasharray="3 3"/>'
        f'<text x="{x}" y="{y - 87}" text-anchor="middle" style="{TEXT};font-size:16px">ε</text>'
        f'<line x1="{x}" y1="{y - 75}" x2="{x}" y2="{y - 21}" stroke="{NEUTRAL}" stroke-width="1.5" '
        f'stroke-dasharray="4 3"/>'
    )


def _box(name: str) -> str:
    x, y, width, label = BOXES[name]
    fill = VARIANT_COLOURS["vae"] if name in ("mu", "logvar", "z") else NEUTRAL
    return (
        f'<rect x="{x - width / 2}" y="{y - 19}" width="{width}" height="38" rx="8" fill="{fill}" fill-opacity="0.22" '
        f'stroke="{fill}" stroke-width="1.5"/>'
        f'<text x="{x}" y="{y + 5}" text-anchor="middle" style="{TEXT};font-size:14px">{escape(label)}</text>'
    )


def _words(x: float, y: float, label: str, norm: float) -> str:
    value = "0" if norm == 0 else f"{norm:,.0f}" if norm >= 1000 else f"{norm:.3g}"
    weight = "700" if norm == 0 else "600"
    colour = DEAD if norm == 0 else "currentColor"
    first = f'<tspan x="{x}" style="font-size:12px;opacity:.8">{escape(label)}</tspan>' if label else ""
    second = f'<tspan x="{x}" dy="{15 if label else 0}" style="font-weight:{weight};fill:{colour}">{value}</tspan>'
    return f'<text x="{x}" y="{y}" text-anchor="middle" style="{TEXT};font-size:14px">{first}{second}</text>'


def _head(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5 or 1.0
    ux, uy = (x2 - x1) / length, (y2 - y1) / length
    corners = [(x2, y2)] + [(x2 - 10 * ux - side * 5 * uy, y2 - 10 * uy + side * 5 * ux) for side in (1, -1)]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
    return f'<polygon points="{points}" fill="{colour}"/>'
