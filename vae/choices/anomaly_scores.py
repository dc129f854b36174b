"""Numbers by which an image may be called strange. What they compute stands in `analysis.yardsticks.anomaly`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AnomalyScore:
    """One score: higher for images that are stranger."""

    title: str
    sentence: str
    area: str  # what tables call its area under the ROC curve
    curve: str  # and the points of the curve
    of_models: bool = True  # else it needs no network


ANOMALY_SCORES: dict[str, AnomalyScore] = {
    "squared_error": AnomalyScore(
        "Squared error",
        "of the image rebuilt from the mean of its code, summed over pixels.",
        "anomaly_auc",
        "roc_squared_error",
    ),
    "loss": AnomalyScore(
        "Reconstruction loss",
        "what the run's own loss says of the same rebuilt image.",
        "anomaly_auc_loss",
        "roc_loss",
    ),
    "kl": AnomalyScore(
        "KL",
        "KL(q(z|x) ‖ N(0, I)): how far the image's code is from the prior. Only where the encoder says a variance.",
        "anomaly_auc_kl",
        "roc_kl",
    ),
    "elbo": AnomalyScore(
        "Negative ELBO",
        "the loss from samples of the code, on average, plus the KL, with the weight 1 whatever β was.",
        "anomaly_auc_elbo",
        "roc_elbo",
    ),
    "pca": AnomalyScore(
        "PCA",
        "the squared error of as many principal components of the training images as a code has numbers.",
        "anomaly_auc_pca",
        "roc_pca",
        of_models=False,
    ),
    "mean_image": AnomalyScore(
        "Mean image",
        "the squared distance from the mean of the training images.",
        "anomaly_auc_mean_image",
        "roc_mean_image",
        of_models=False,
    ),
}
