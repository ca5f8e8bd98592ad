"""Recipes: one Python file for each system and data set, run by `kgan run`."""

import pathlib

FASHION_MNIST_MINI = pathlib.Path(__file__).parent / "fashion_mnist_mini"

__all__ = ["FASHION_MNIST_MINI"]
