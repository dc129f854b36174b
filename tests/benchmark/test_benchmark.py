import json
from functools import partial
from itertools import chain

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from vae import benchmark, datasets
from vae.benchmark import baseline_loop, knobs, seeds
from vae.choices.variants import VARIANTS
from vae.config import PRESETS
from vae.learning.estimators import ESTIMATORS
from vae.learning.learner import Learner
from vae.learning.networks import build, network_of
from vae.learning.randomness import stream
from vae.settings import Settings

CONFIG = PRESETS["pytorch_example"].config
IMAGES = 600


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("no-mnist-here")
    return Settings.from_environment({"VAE_DATA_DIR": str(folder)})


@pytest.fixture(scope="module")
def results(settings):
    return benchmark.measure(settings, images=IMAGES, rounds=1)


@pytest.mark.slow
def test_every_contender_is_timed_and_the_result_is_json(results):
    names = {"pair float32", "pair in turns", "products in turns", "products in threads", "plain"}
    names |= {"pair, fewer images", "pair, convolutions", "plain, convolutions"}
    names |= {"pair bfloat16"} if results["machine"]["bfloat16"] else set()
    names |= {"cuda float32", "cuda bfloat16"} if torch.cuda.is_available() else set()
    ways = (" by autograd", "", " together", *knobs.KNOBS)
    by_seed = {f"{size}{way}" for size in (seeds.SMALL, seeds.LARGE) for way in ways}
    assert {row["name"] for row in results["rows"]} == names | by_seed
    assert all(0 < row["seconds_fastest"] <= row["seconds_median"] for row in results["rows"])
    once = {"plain", "plain, convolutions", *by_seed}
    timed = {row["name"]: row["epochs_timed"] for row in results["rows"]}
    assert timed == {name: 1 if name in once else 2 for name in names | by_seed}
    assert results["data"] == "synthetic"
    assert results["images"] == {"train": 550, "validation": 50}
    assert json.loads(json.dumps(results)) == results


@pytest.mark.slow
def test_ratios_are_the_rows_divided_and_targets_judge_them(results):
    median = {row["name"]: row["seconds_median"] for row in results["rows"]}
    ratio = results["ratios"]["plain / pair float32"]["median"]
    assert ratio == pytest.approx(median["plain"] / median["pair float32"])
    assert results["targets"]["plain / pair float32"] == {"sense": "at least", "target": 3.5, "met": ratio >= 3.5}
    slow = results["ratios"]["pair float32 / products in threads"]["median"]
    assert results["targets"]["pair float32 / products in threads"]["met"] == (slow <= 1.5)


@pytest.mark.slow
def test_torch_is_left_as_it_was_found(settings):
    def arithmetic():
        return torch.get_num_threads(), torch.backends.mkldnn.matmul.fp32_precision

    before = arithmetic()
    benchmark.measure(settings, images=IMAGES, rounds=1)
    assert arithmetic() == before


@pytest.mark.slow
def test_the_table_names_its_data_and_hides_no_miss(results):
    text = benchmark.table(results)
    assert "Synthetic images" in text
    assert all(row["what"] in text for row in results["rows"])
    assert "MNIST: 550 images" in benchmark.table(results | {"data": "mnist"})
    goal = {"sense": "at least", "target": 3.5}
    for met, word in ((True, ": met"), (False, ": MISSED"), (None, ": not measured")):
        assert word in benchmark.table(results | {"targets": {"plain / pair float32": goal | {"met": met}}})


@pytest.mark.slow
def test_without_bfloat16_the_table_says_so(settings, monkeypatch):
    monkeypatch.setattr(benchmark, "has_bfloat16", lambda: False)
    results = benchmark.measure(settings, images=IMAGES, rounds=1)
    assert results["ratios"]["plain / pair bfloat16"] is None
    assert results["targets"]["plain / pair bfloat16"]["met"] is None
    assert "no bfloat16" in benchmark.table(results)


@pytest.mark.slow
def test_the_table_warns_of_a_busy_machine(results):
    assert 0 <= results["machine"]["used_by_others"] <= 1
    for share, warns in ((0.02, False), (0.4, True)):
        text = benchmark.table(results | {"machine": results["machine"] | {"used_by_others": share}})
        assert f"{share:.0%}" in text
        assert ("do not trust" in text) == warns


class Recorder(TorchDispatchMode):
    """Notes every matrix product that torch really does: shapes and strides of both factors."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.__name__.split(".")[0]
        if "mm" in name:
            self.seen.append(signature(*args[-2:]))
        elif name == "linear":  # in inference mode torch does not take it apart: x (B, i), W (o, i)
            self.seen.append(signature(args[0], args[1].T))
        return function(*args, **(kwargs or {}))


def signature(a, b):
    return tuple(a.shape), a.stride(), tuple(b.shape), b.stride()


@pytest.mark.parametrize("hidden", [(400,), (512, 256)])
@pytest.mark.parametrize("variant", ["ae", "vae"])
def test_the_products_are_those_of_a_training_step(variant, hidden):
    config = CONFIG.model_copy(update={"hidden": hidden})
    learner = Learner(config, (1, 28, 28), variant, torch.device("cpu"))
    noise, estimate = stream(0, "noise"), ESTIMATORS[config.estimator]
    with Recorder() as recorder:
        estimate(learner.model, learner.variant, torch.rand(128, 784), learner.likelihood, 1.0, noise)
    counted = benchmark.products(config.layers(784), learner.variant.has_logvar, 128)
    assert sorted(signature(a, b) for a, b, _ in counted) == sorted(recorder.seen)


@pytest.mark.parametrize("variant", ["ae", "noise_only", "kl_only", "vae"])
def test_the_products_are_those_of_an_evaluation(variant):
    learner = Learner(CONFIG, (1, 28, 28), variant, torch.device("cpu"))
    with Recorder() as recorder:
        learner.evaluate(torch.rand(50, 784), "watched")
    counted = benchmark.evaluation_products(CONFIG.layers(784), VARIANTS[variant], 50)
    assert sorted(signature(a, b) for a, b, _ in counted) == sorted(recorder.seen)


@pytest.mark.parametrize("variant", ["ae", "vae"])
@pytest.mark.parametrize("preset", ["pytorch_example", "two_d", "conv_2d"])
def test_the_plain_network_is_ours(preset, variant):
    """Given the same weights it computes the same."""
    config, has_logvar = PRESETS[preset].config, VARIANTS[variant].has_logvar
    theirs = baseline_loop.PLAIN[config.network](config, (1, 28, 28), has_logvar)
    ours, x = build(config, (1, 28, 28), variant), torch.rand(3, 784)
    for name in ("encoder", "decoder"):
        pairs = zip(getattr(theirs, name).parameters(), getattr(ours, name).parameters(), strict=False)
        for one, other in pairs:
            one.data = other.data
    theirs.to_mu = ours.encoder.to_mu
    mu = theirs.to_mu(theirs.encoder(x.view(3, 1, 28, 28)))
    torch.testing.assert_close(mu, ours.encoder(x)[0])
    torch.testing.assert_close(theirs.decoder(mu).flatten(1), ours.decoder(mu), atol=1e-6, rtol=1e-5)
    count = network_of(config).counts(config, (1, 28, 28), VARIANTS[variant]).parameters
    assert sum(p.numel() for p in theirs.parameters()) == count


def test_the_plain_loop_learns():
    torch.manual_seed(0)
    images = benchmark.synthetic_images(IMAGES)
    loop = baseline_loop.PlainLoop(CONFIG, images, datasets.split(images, 50), None)
    losses = [loop.epoch() for _ in range(4)]
    assert len(loop.networks) == 2
    assert all(last < 0.8 * first for first, last in zip(losses[0], losses[-1], strict=True))


def test_the_plain_loop_reads_what_we_read():
    images = benchmark.synthetic_images(IMAGES)
    split = datasets.split(images, 50)
    loop = baseline_loop.PlainLoop(CONFIG, images, split, None)
    read = torch.cat([x for x, _ in loop.validation]).flatten(1)
    torch.testing.assert_close(read, torch.from_numpy(images.train_x[split.validation]).float() / 255)
    assert len(list(chain.from_iterable(rows for _, rows in loop.train))) == 550


def test_synthetic_images_are_mostly_black_and_differ():
    x = benchmark.synthetic_images(50).train_x
    assert x.shape == (50, 784)
    assert x.max() > 200
    assert 0.6 < (x == 0).mean() < 0.9  # MNIST: 0.81
    assert len({image.tobytes() for image in x}) == 50


@pytest.mark.parametrize("variants", [("ae", "vae"), ("noise_only", "kl_only")])
def test_three_seeds_come_to_the_same_bits_by_autograd_by_hand_and_together(variants, settings):
    """Otherwise their times would not be worth comparing."""
    config = PRESETS["quick"].config.model_copy(
        update={"train_limit": 300, "epochs": 3, "kl_warmup_epochs": 2, "device": "cpu", "variants": variants}
    )
    data = datasets.load("digits", settings.data_dir)
    split = datasets.split(data, config.validation_size, config.train_limit)
    configs = [config.model_copy(update={"seed": seed}) for seed in range(3)]
    trainers = (partial(seeds.one_after_another, by_hand=False), seeds.one_after_another, seeds.together)
    by_autograd, by_hand, together = (train(configs, data, split) for train in trainers)
    for one, *others in zip(by_autograd, by_hand, together, strict=True):
        for other in others:
            assert other.epoch == 3
            assert other.test() == one.test()
            for mine, theirs in zip(one.learners, other.learners, strict=True):
                ours, found = mine.state(), theirs.state()
                assert [name for name in ours if not torch.equal(ours[name], found[name])] == []
    weights = [training.learners[0].model.decoder.to_logits.weight for training in together]
    assert not torch.equal(weights[0], weights[1])
