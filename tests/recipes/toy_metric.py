"""A pytest plugin: one more metric, there before anything else of the program is imported."""

from vae.metrics import METRICS, Evaluated, Metric, Tolerance


def largest(images: Evaluated):
    return (images.from_mean - images.x).abs().amax(dim=-1)  # (B,)


METRICS["largest_error"] = Metric(
    "Largest error",
    "levels",
    "The largest difference between a pixel and its reconstruction from μ.",
    "largest error",
    Tolerance(0.01),
    test_only=True,
    per_image=largest,
)
