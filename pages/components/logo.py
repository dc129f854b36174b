"""The mark: two clouds that overlap, one in each variant's colour."""

from vae.figures.style import VARIANT_COLOURS

_CIRCLES = (
    f'<circle cx="24" cy="32" r="20" fill="{VARIANT_COLOURS["ae"]}" fill-opacity="0.88"/>'
    f'<circle cx="42" cy="32" r="20" fill="{VARIANT_COLOURS["vae"]}" fill-opacity="0.82"/>'
)
MARK = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 66 64">{_CIRCLES}</svg>'
LOGO = (
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 330 64">{_CIRCLES}'
    '<text x="78" y="43" font-family="Source Sans Pro, Source Sans, Helvetica, Arial, sans-serif" font-size="34" '
    'font-weight="700" fill="#8A8F98">Latent Twins</text></svg>'
)
