"""Metrics that take longer than a run's end allows: found when somebody asks, by `vae.measuring.yardsticks`."""

from __future__ import annotations

from .metric import Metric, Tolerance

YARDSTICK_METRICS: dict[str, Metric] = {
    "nll": Metric(
        "Negative log-likelihood",
        None,  # a probability of binary pixels or a density of real ones: nothing to compare across losses
        "−log p(x), estimated with importance samples from q(z|x) (Burda et al. 2016): at most the bound's loss, at "
        "least the true value on average. Only where the reconstruction loss is a likelihood; an autoencoder has none.",
        "NLL",
        Tolerance(0.002),
        style="%.2f",
        needs="noise",
        test_only=True,
        sought="low negative log-likelihood",
        asked="likelihood",
    ),
    "frechet_distance": Metric(
        "Fréchet distance",
        "in classifier features",
        "Between Gaussians fitted to the reference classifier's features of test images and of as many pictures of "
        "codes drawn from N(0, I). Not the FID of papers, whose features are another network's.",
        "Fréchet",
        Tolerance(0.05, 0.05),
        style="%.2f",
        test_only=True,
        sought="a low Fréchet distance",
        asked="samples",
    ),
    "sample_precision": Metric(
        "Precision of samples",
        "share",
        "Pictures of codes drawn from N(0, I) that lie among real images, in the reference classifier's features "
        "(Kynkäänniemi et al. 2019).",
        "precision",
        Tolerance(0.05, 0.03),
        style="%.3f",
        test_only=True,
        sought="a high precision of samples",
        more_is_better=True,
        asked="samples",
    ),
    "sample_recall": Metric(
        "Recall of samples",
        "share",
        "Real images that lie among pictures of codes drawn from N(0, I), in the reference classifier's features "
        "(Kynkäänniemi et al. 2019).",
        "recall",
        Tolerance(0.05, 0.03),
        style="%.3f",
        test_only=True,
        sought="a high recall of samples",
        more_is_better=True,
        asked="samples",
    ),
    "probe_accuracy": Metric(
        "Linear probe",
        "share right",
        "Accuracy of a logistic regression from codes to classes, learnt on the training images' codes.",
        "probe",
        Tolerance(0.02, 0.01),
        style="%.3f",
        test_only=True,
        sought="a high accuracy of a linear probe",
        more_is_better=True,
        asked="codes",
    ),
    "knn_accuracy": Metric(
        "Nearest neighbours",
        "share right",
        "Accuracy of the class most frequent among the nearest training images' codes.",
        "neighbours",
        Tolerance(0.02, 0.01),
        style="%.3f",
        test_only=True,
        sought="a high accuracy of nearest neighbours",
        more_is_better=True,
        asked="codes",
    ),
    "cluster_nmi": Metric(
        "Clusters and classes",
        "normalised mutual information",
        "How much k-means clusters of the codes, as many as there are classes, tell of the class.",
        "NMI",
        Tolerance(0.05, 0.03),
        style="%.3f",
        test_only=True,
        sought="clusters that are classes",
        more_is_better=True,
        asked="codes",
    ),
    "anomaly_auc": Metric(
        "Anomalies found",
        "area under ROC",
        "How often an image of the class that was kept from training gets a larger squared error than an image of "
        "another class: 0.5 is a guess. Of test images; sweeps lay the class's images among the training set, which "
        "nothing learnt from, beside validation images.",
        "anomalies",
        Tolerance(0.02, 0.02),
        style="%.3f",
        test_only=True,
        sought="anomalies that stand out",
        more_is_better=True,
        asked="anomalies",
        setting="held_out_class",
    ),
}
