"""Rows of pictures are named by what they show, and images to choose from by their classes."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from lessons import Again
from paging import open_page, open_tab
from streamlit.testing.v1 import AppTest

from pages.shared.image_strips import numbered
from vae import datasets
from vae.store.runs import Store
from vae.store.tensor_bytes import unpack


def names_of(app: AppTest) -> list[str]:
    return re.findall(r'alt="([^"]*)"', "".join(element.proto.body for element in app.get("html")))


def labels_of(store: Store, run_id: str) -> np.ndarray:
    return datasets.load("digits", None).train_y[unpack(store.split_rows(run_id))["validation"]]


def test_images_are_called_by_their_place_and_class() -> None:
    assert numbered(np.array([2, 0]), ["ant", "bee", "cat"]) == ["Image 1, class cat", "Image 2, class ant"]
    assert numbered(np.array([0, 0]), ["all"]) == ["Image 1", "Image 2"]  # one class says nothing


@pytest.mark.parametrize(
    ("page", "tab", "label"),
    [
        ("reconstructions.py", "One image, many samples", "Image, from the left"),
        ("sampling.py", "Between two images", "From image"),
        ("sampling.py", "Each dimension by itself", "Image"),
    ],
)
def test_a_choice_of_images_names_their_classes(
    stocked: Store, runs: dict[str, str], page: str, tab: str, label: str
) -> None:
    app = open_tab(open_page(page, run=runs["2-D"]), tab)
    offered = next(box for box in app.selectbox if box.label == label)
    labels = labels_of(stocked, runs["2-D"])[:12]
    assert offered.options == [f"Image {place}, class {label}" for place, label in enumerate(labels, start=1)]
    offered.set_value(7).run()
    assert not app.exception
    assert next(box for box in app.selectbox if box.label == label).value == 7


def test_rebuilt_images_are_named_with_their_errors(stocked: Store, runs: dict[str, str]) -> None:
    again = Again.of(stocked, runs["2-D"])
    app = open_page("reconstructions.py", run=runs["2-D"])
    (original,) = (name for name in names_of(app) if name.startswith("Original: Image 1, class") and "; " in name)
    assert original.endswith(f"Image 12, class {labels_of(stocked, runs['2-D'])[11]}")
    (told,) = (name for name in names_of(app) if name.startswith("Autoencoder: squared error per pixel "))
    with torch.no_grad():
        x = torch.from_numpy(again.x[:12])
        model = again.models["ae"]
        rebuilt = model.picture(model.encoder(x)[0]).numpy()
    expected = np.square(rebuilt - again.x[:12]).mean(axis=1)
    found = [float(value) for value in told.removeprefix("Autoencoder: squared error per pixel ").split(", ")]
    np.testing.assert_allclose(found, expected, atol=6e-5)
