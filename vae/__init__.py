"""Latent Twins: a plain autoencoder and a VAE, trained side by side on the same batches from the same weights.

Notation, used in every file and in the comments at line ends:

    B  images in a batch          x       images, (B, P), in [0, 1]
    P  pixels of an image         mu      mean of the code's distribution, (B, D)
    D  latent dimensions          logvar  its log-variance, log σ², (B, D)
    N  images in a data set       std     σ = exp(logvar / 2), (B, D)
                                  eps     standard normal noise, (B, D)
                                  z       a code, μ + σ·ε, (B, D)
                                  outputs what a decoder gives, (B, k · P): logits, k = 1, for all likelihoods but one
                                  x_hat   the picture, (B, P): the mean of the pixels given the outputs

The objective, in nats per image: reconstruction (summed over pixels) + β · KL(q(z|x) ‖ N(0, I)) (summed over
dimensions), averaged over images. `beta` is the weight of the KL and nothing else.

Read in this order: choices/, config/, naming.py, settings.py, datasets/, learning/ (networks, models, losses,
estimators, learner, training), store/ (schema, runs), runs/ (execution, dispatcher), analysis/ (codes, geometry,
sensitivity, gradients, disentangle), measuring.py, sweeps/, exports/, figures/. Imports go one way only, which
tests/test_architecture.py holds: choices → config → datasets → learning and store → runs and analysis → measuring and
exports → sweeps → pages, and figures, which know only arrays and tables, → pages. Nothing here imports streamlit, so
all of it works in a notebook and from `python -m vae`.
"""

__version__ = "0.1.0"
