"""A layer of a Keras network as the extractor of a feature store, on every backend."""

import keras
import numpy as np
from keras import ops

from kgan.data import FeatureStore
from kgan.data.feature_store import describe, unit_features
from kgan.metrics import KerasFeatures


def test_a_layer_of_a_keras_network_makes_the_features():
    images = np.random.default_rng(1).integers(0, 255, (9, 6, 6, 3), dtype=np.uint8)
    inputs = keras.Input((6, 6, 3))
    network = keras.Model(inputs, keras.layers.Conv2D(5, 3, strides=2, name="edges")(inputs), name="net")
    extractor = KerasFeatures(network, "edges", input_range=(-1.0, 1.0))
    store = FeatureStore.build(images, extractor, batch_size=4)
    maps = ops.convert_to_numpy(network(images.astype("float32") / 127.5 - 1.0, training=False))
    np.testing.assert_allclose(store.features, unit_features(maps.mean(axis=(1, 2))), rtol=1e-4, atol=1e-5)
    assert store.extractor == describe(extractor)
    assert store.extractor.startswith("net")
