"""A network drawn from its layer widths, as the article's figures do: an SVG that takes the page's text colour."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from ..choices.networks import Width, arrows, numbers, spelled
from ..choices.variants import VARIANTS, Variant
from .style import NEUTRAL, VARIANT_COLOURS, VARIANT_TITLES

WIDTH, HEIGHT = 520, 204
MIDDLE = 90  # y of the axis on which the layers sit
TALLEST, SHORTEST = 132, 20
BAR = 22
LINE = 14  # from a line of a label to the next
STYLE = "font-family:inherit;font-size:var(--drawn-type,13px);fill:currentColor"  # larger in present mode


def network_svg(layers: Sequence[Width], variant: str, parameters: int) -> str:
    """`layers`: widths from image to code, such as [784, 400, 2], or (32, 14, 14) where a layer holds feature maps."""
    colour, entry = VARIANT_COLOURS[variant], VARIANTS[variant]
    heads = entry.noise or entry.kl
    *shown, code = layers
    latent = numbers(code)
    widths = [numbers(width) for width in shown]
    columns = len(widths) * 2 + (2 if heads else 1)
    step = (WIDTH - 2 * 30) / (columns - 1)
    x = [30 + step * i for i in range(columns)]
    parts: list[str] = []
    encoder, decoder = x[: len(widths)], x[-len(widths) :]
    code_x = x[len(widths) :][: 2 if heads else 1]

    for left, right, a, b in zip(encoder, encoder[1:], widths, widths[1:], strict=False):
        parts.append(_funnel(left, right, _tall(a), _tall(b)))
    back = list(reversed(widths))
    for left, right, a, b in zip(decoder, decoder[1:], back, back[1:], strict=False):
        parts.append(_funnel(left, right, _tall(a), _tall(b)))
    if heads:
        parts.append(_heads(encoder[-1], code_x, decoder[0], widths[-1], latent, colour, entry))
    else:
        parts.append(_funnel(encoder[-1], code_x[0], _tall(widths[-1]), _tall(latent)))
        parts.append(_funnel(code_x[0], decoder[0], _tall(latent), _tall(widths[-1])))
        parts.append(_bar(code_x[0], _tall(latent), colour, 1) + _label(code_x[0], MIDDLE - _tall(latent) / 2 - 8, "z"))
        parts.append(_label(code_x[0], MIDDLE + _tall(latent) / 2 + 18, str(latent), bold=True))

    for position, width in [*zip(encoder, shown, strict=True), *zip(decoder, reversed(shown), strict=True)]:
        tall = _tall(numbers(width))
        parts.append(_bar(position, tall, NEUTRAL, 0.55))
        # Neighbours have room for 14×14 side by side, not for 32×14×14.
        for line, text in enumerate([str(width)] if isinstance(width, int) else [f"{width[0]}×", spelled(width[1:])]):
            parts.append(_label(position, MIDDLE + tall / 2 + 18 + LINE * line, text))
    parts.append(_label(encoder[0], MIDDLE - _tall(widths[0]) / 2 - 8, "x", italic=True))
    parts.append(_label(decoder[-1], MIDDLE - _tall(widths[0]) / 2 - 8, "x̂", italic=True))
    height = HEIGHT + (0 if all(isinstance(width, int) for width in shown) else LINE)
    parts.append(_label(WIDTH / 2, height - 6, f"{parameters:,} parameters · {entry.formula}", small=True))
    title = escape(f"{VARIANT_TITLES[variant]}: layers {arrows(layers)} and back, {parameters:,} parameters")
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}" '
        f'style="width:100%;height:auto;max-height:230px;display:block">{"".join(parts)}</svg>'
    )


def _heads(
    left: float, code_x: Sequence[float], right: float, width: int, latent: int, colour: str, entry: Variant
) -> str:
    """The two heads, or the one and a σ that is given, ε from the side, and the sampling node."""
    head_x, z_x = code_x
    tall = min(_tall(latent), 34)
    mu_y, var_y = MIDDLE - 34, MIDDLE + 34
    said = {mu_y: "μ", var_y: "log σ²"} if entry.has_logvar else {mu_y: "μ"}
    parts = [_line(left + BAR / 2, MIDDLE, head_x - BAR / 2, y) for y in said]
    parts.append(_line(head_x + BAR / 2, mu_y, z_x - BAR / 2, MIDDLE))
    parts.append(_line(head_x + BAR / 2, var_y, z_x - BAR / 2, MIDDLE, dashed=not entry.noise))
    parts.append(_funnel(z_x, right, 20, _tall(width)))
    for y, name in said.items():
        parts.append(_bar(head_x, tall, colour, 1, y))
        parts.append(_label(head_x, y - tall / 2 - 6, name))
    if entry.has_logvar:
        parts.append(_label(head_x, var_y + tall / 2 + 17, f"{latent} + {latent}", bold=True))
    else:
        parts.append(_label(head_x, var_y + 5, "σ"))
        parts.append(_label(head_x, mu_y + tall / 2 + 17, f"{latent}", bold=True))
    if entry.noise:
        parts.append(_line(z_x, MIDDLE - 62, z_x, MIDDLE - 15, arrow=True))
        parts.append(
            f'<circle cx="{z_x:.1f}" cy="{MIDDLE - 74:.1f}" r="13" fill="none" stroke="{colour}" '
            'stroke-width="1.5" stroke-dasharray="3 2"/>' + _label(z_x, MIDDLE - 69.5, "ε")
        )
    parts.append(f'<circle cx="{z_x:.1f}" cy="{MIDDLE}" r="14" fill="{colour}"/>')
    parts.append(_label(z_x, MIDDLE + 5, "z", fill="#fff", bold=True))
    return "".join(parts)


def _tall(width: int) -> float:
    """Bar height for a layer: logarithmic, or 2 beside 784 would be invisible."""
    return SHORTEST + (TALLEST - SHORTEST) * min(1.0, math.log2(width + 1) / math.log2(1025))


def _bar(x: float, tall: float, colour: str, opacity: float, y: float = MIDDLE) -> str:
    return (
        f'<rect x="{x - BAR / 2:.1f}" y="{y - tall / 2:.1f}" width="{BAR}" height="{tall:.1f}" rx="5" '
        f'fill="{colour}" fill-opacity="{opacity}"/>'
    )


def _funnel(left: float, right: float, a: float, b: float) -> str:
    left, right = left + BAR / 2, right - BAR / 2
    points = [(left, MIDDLE - a / 2), (right, MIDDLE - b / 2), (right, MIDDLE + b / 2), (left, MIDDLE + a / 2)]
    joined = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
    return f'<polygon points="{joined}" fill="{NEUTRAL}" fill-opacity="0.16"/>'


def _line(x1: float, y1: float, x2: float, y2: float, dashed: bool = False, arrow: bool = False) -> str:
    dash = ' stroke-dasharray="4 4" stroke-opacity="0.5"' if dashed else ""
    head = (
        f'<path d="M {x2 - 4} {y2 - 6} L {x2} {y2} L {x2 + 4} {y2 - 6}" fill="none" stroke="{NEUTRAL}"/>'
        if arrow
        else ""
    )
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{NEUTRAL}" stroke-width="1.5"{dash}/>{head}'


def _label(
    x: float, y: float, text: str, *, bold: bool = False, italic: bool = False, small: bool = False, fill: str = ""
) -> str:
    style = STYLE + (";font-weight:700" if bold else "") + (";font-style:italic" if italic else "")
    style += (";opacity:.75" if small else "") + (f";fill:{fill}" if fill else "")
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" style="{style}">{escape(text)}</text>'
