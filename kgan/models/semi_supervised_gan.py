"""SGAN: a discriminator that is a classifier, trained by few labels (Odena 2016; Salimans et al. 2016)."""

import functools
import types
from typing import Any, ClassVar, NamedTuple

import keras
import numpy as np
from keras import ops

from kgan import _backend, latents, layers, losses
from kgan.engine.average import MovingAverage
from kgan.engine.model import AdversarialModel, Preset
from kgan.engine.schedules import LinearTail
from kgan.errors import UsageError
from kgan.layers.prior import sample_prior
from kgan.losses.semi_supervised import class_logits, class_loss, real_score
from kgan.models.semi_supervised_networks import (
    conv_classifier,
    conv_generator,
    mlp_classifier,
    mlp_generator,
)
from kgan.types import Input, Tensor

L = keras.layers


def _published_average():
    # The authors start at 0 and do not correct, which is useless before about 30,000 steps; this does.
    return MovingAverage(decay=0.9999, debias=True)


def _mnist(conditional=False):
    return {
        "generator": mlp_generator(10 if conditional else None),
        "discriminator": mlp_classifier(),
        "num_classes": 10,
        "prior": "uniform01",
        "data_range": (0.0, 1.0),
        "classifier_average": _published_average(),
    }


def _conv(narrow, wide):
    return {
        "generator": conv_generator(),
        "discriminator": conv_classifier(narrow, wide),
        "num_classes": 10,
        "prior": "uniform01",
        "classifier_average": _published_average(),
    }


def _training(learning_rate: Any = 3e-3, power=2):
    def adam():
        rate = learning_rate() if callable(learning_rate) else learning_rate
        # The published Adam divides by sqrt(v + 1e-8): tiny gradients are not enlarged to full steps, without
        # which D wins on MNIST after some 4,000 steps.
        return keras.optimizers.Adam(rate, beta_1=0.5, beta_2=0.999, epsilon=1e-4)

    return {
        "optimizer": {"generator": adam(), "discriminator": adam()},
        "loss": losses.SemiSupervised(losses.FeatureMatching(power)),
    }


class _Parts(NamedTuple):
    """What a batch gives, in the range of the game: images and int32 labels, -1 where there is none."""

    labelled: Tensor
    labels: Tensor
    unlabelled: Tensor
    second: Tensor  # other reals, for G


@keras.saving.register_keras_serializable("kgan")
class SemiSupervisedGAN(AdversarialModel):
    """A GAN whose discriminator is a classifier of K classes, trained by few labelled and many other images.

    "Fake" is class K + 1: its logit is 0 when the discriminator has K outputs, and the last one when it has
    K + 1, which is the same model with one redundant output. A generator with the inputs `z` and `label` is
    conditional: it is asked for a class, while all that it makes counts as fake for the discriminator.

    Batches are `(images, labels)`, -1 for unlabelled images: all images are reals, and those with a label
    also train the classes. Or they are those of `kgan.data.few_labels`, which holds labelled, unlabelled and
    further unlabelled images for the generator apart, as published.

    Args:
        generator: built network from noise, or from a dict of `z` and int32 `label`, to images.
        discriminator: built network from images to K or K + 1 logits.
        num_classes: K, at least 1.
        features: name of the discriminator's layer whose outputs `FeatureMatching` compares.
        prior: law of the noise, as in `kgan.types.Input`.
        data_range: (low, high) of the images inside the game; batches arrive in [-1, 1].
        classifier_average: `kgan.engine.MovingAverage` of the discriminator, which then classifies, or
            `None`. The published one starts at 0 and is not bias-corrected; `debias=True` corrects it.
        average: `kgan.engine.MovingAverage` of the generator, or `None`.
        preset: name of the published configuration.
        seed: int, seeds the noise of training.

    Raises:
        UsageError: an argument breaks its rule, or the networks do not fit each other.

    Reference: Salimans et al., Improved Techniques for Training GANs, 2016; Odena, Semi-Supervised Learning
    with Generative Adversarial Networks, 2016.

    Example:

    >>> model = SemiSupervisedGAN.tiny()
    >>> model.compile()
    >>> history = model.fit(model.example_data(8), batch_size=4, verbose=0)
    >>> sorted(history.history)
    ['class_loss', 'discriminator_loss', 'generator_loss']
    >>> model.classify(model.sample(2, seed=0, label=1)).shape
    (2, 3)
    """

    presets: ClassVar[dict[str, Preset]] = {
        "sgan_mnist": Preset(
            "MNIST, permutation-invariant MLPs, feature matching (Salimans et al., 2016)",
            _mnist,
            _training,
            100,
        ),
        "sgan_mnist_conditional": Preset(
            "MNIST, the same with one-hot classes beside the noise (unpublished)",
            functools.partial(_mnist, conditional=True),
            _training,
            100,
        ),
        "sgan_cifar10": Preset(
            "CIFAR-10, nine weight-normalised convolutions, feature matching (Salimans et al., 2016)",
            functools.partial(_conv, 96, 192),
            functools.partial(_training, functools.partial(LinearTail, 3e-4, 500, 800, 1200), 1),
            100,
        ),
        "sgan_svhn": Preset(
            "SVHN, as CIFAR-10 with 64 and 128 channels (Salimans et al., 2016)",
            functools.partial(_conv, 64, 128),
            functools.partial(_training, functools.partial(LinearTail, 3e-4, 732, 600, 900), 1),
            100,
        ),
    }
    extra_logs: ClassVar[tuple[str, ...]] = ("class_loss",)

    least_label = -1

    def __init__(
        self,
        generator,
        discriminator,
        *,
        num_classes,
        features="features",
        prior="normal",
        data_range=(-1.0, 1.0),
        classifier_average=None,
        average=None,
        preset=None,
        seed=0,
        **kwargs,
    ):
        super().__init__(average=average, preset=preset, seed=seed, **kwargs)
        _check(generator, discriminator, num_classes, features)
        self.generator = generator
        self.discriminator = discriminator
        self.num_classes = num_classes
        self.features = features
        self.prior = prior
        self.data_range = tuple(data_range)
        self.classifier_average = classifier_average
        if classifier_average is not None:
            classifier_average.attach(discriminator)
        # A proxy hides them from Keras, which would save the shared layers again.
        self._judges = types.MappingProxyType(_judges(discriminator, features))
        self.finish()

    @property
    def conditional(self):
        """Whether the generator is asked for a class."""
        return len(self.generator.inputs) == 2

    @property
    def latent_shape(self):
        """Shape of one noise sample."""
        inputs = self.generator.inputs
        return tuple(next((x for x in inputs if x.name == "z"), inputs[0]).shape[1:])

    @property
    def image_shape(self):
        """(height, width, channels) of an image."""
        return tuple(self.generator.output_shape[1:])

    def players(self):
        return {"discriminator": [self.discriminator], "generator": [self.generator]}

    def default_training(self):
        return _training(3e-4)

    def sampling_inputs(self):
        z = Input("z", self.latent_shape, "float32", self.prior, "latent noise")
        label = Input("label", (), "int32", "label", "class to be made", num_classes=self.num_classes)
        return (z, label) if self.conditional else (z,)

    def sheet(self, n, seed=0):
        if not self.conditional:
            return super().sheet(n, seed)
        # A row for each class; a column has one noise.
        columns = max(1, n // self.num_classes)
        z = latents.draw(self.sampling_inputs()[:1], columns, seed)["z"]
        noise = np.tile(z, (self.num_classes, *([1] * (z.ndim - 1))))
        classes = np.repeat(np.arange(self.num_classes), columns)
        return self.sample(len(classes), seed=seed, z=noise, label=classes), columns

    # -- training

    def adversarial_step(self, batch):
        parts = self.parts(batch)
        count = ops.shape(parts.unlabelled)[0]
        plays = self.loss_function.unlabelled_weight > 0
        fake = self.fakes(count) if plays else None
        self.update("discriminator", functools.partial(self.discriminator_loss, parts, fake))
        if plays:
            self.update("generator", functools.partial(self.generator_loss, parts.second))
        with _backend.no_grad():
            for average in (self.average, self.classifier_average):
                if average is not None:
                    average.update(count)

    def parts(self, batch):
        """The images and labels of a batch by what they are for."""
        if isinstance(batch, dict):
            images = [self.to_data_range(batch[name]) for name in ("labelled", "unlabelled", "second")]
            return _Parts(images[0], ops.cast(batch["labels"], "int32"), *images[1:])
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            raise UsageError("batches must be (images, labels), or those of kgan.data.few_labels")
        images = self.to_data_range(batch[0])
        return _Parts(images, ops.cast(ops.reshape(batch[1], (-1,)), "int32"), images, images)

    def to_data_range(self, images):
        """Images from [-1, 1] to the range of the game."""
        low, high = self.data_range
        return images if (low, high) == (-1.0, 1.0) else low + (images + 1.0) * ((high - low) / 2.0)

    def latents(self, count):
        """What the generator takes: noise, or a dict of noise and classes drawn evenly."""
        z = sample_prior(self.prior, (count, *self.latent_shape), self.seed_generator)
        if not self.conditional:
            return z
        return {"z": z, "label": sample_prior("label", (count,), self.seed_generator, self.num_classes)}

    def fakes(self, count):
        """Generated images without a gradient."""
        with _backend.no_grad():
            return ops.stop_gradient(self.run_network(self.generator, self.latents(count)))

    def class_logits(self, images):
        """Logits `[n, K]` against a fake logit of 0, in training mode."""
        return class_logits(self.run_network(self.discriminator, images), self.num_classes)

    def discriminator_loss(self, parts, fake):
        """The loss of the classes and of real against fake, with the penalties, which see `real_score`."""
        logits = self.class_logits(parts.labelled)
        real = fake_score = None
        penalty, logs = 0.0, {}
        if fake is not None:
            real, fake_score, penalty, logs = self.penalized_scores(
                "discriminator", lambda images: real_score(self.class_logits(images)), parts.unlabelled, fake
            )
        loss, own = self.loss_function.discriminator(logits, parts.labels, real, fake_score)
        return loss + penalty, {"discriminator_loss": loss, **own, **logs}

    def generator_loss(self, real):
        """The generator's objective on fresh fakes, and the class that they were asked for."""
        loss, inputs = self.loss_function, self.latents(ops.shape(real)[0])
        fake = self.run_network(self.generator, inputs)
        asked = self.conditional and loss.class_weight > 0
        logits = None
        if loss.matches_features:
            found, logits = self._features(fake, asked)
            with _backend.no_grad():
                wanted = ops.stop_gradient(self._features(real)[0])
        else:
            logits = self.class_logits(fake)
            found, wanted = real_score(logits), None
            if loss.objective.needs_real:
                wanted = ops.stop_gradient(real_score(self.class_logits(real)))
        value = loss.generator(found, wanted)
        if asked:
            value = value + loss.class_weight * class_loss(logits, inputs["label"])
        return value, {"generator_loss": value}

    def _features(self, images, with_logits=False):
        """The matched features in training mode, with noise and dropout, and the class logits if asked."""
        if not with_logits:
            return self.run_network(self._judges["features"], images), None
        features, outputs = self.run_network(self._judges["both"], images)
        return features, class_logits(outputs, self.num_classes)

    def start_from_data(self, images):
        """Starts the weight-normalised layers of the networks from data, as published, before training.

        Args:
            images: float `[n, height, width, channels]` in [-1, 1]; the paper takes 500 labelled ones.
        """
        layers.start_from_data(self.discriminator, self.to_data_range(ops.convert_to_tensor(images)))
        if self.classifier_average is not None:
            self.classifier_average.network.set_weights(self.discriminator.get_weights())

    # -- the classifier

    @property
    def classifier(self):
        """Network from `images`, float32 in [-1, 1], to probabilities `[n, K]` of the real classes.

        It shares the weights of the discriminator's average, or of the discriminator where there is none.
        """
        average = self.classifier_average
        network = self.discriminator if average is None else average.network
        (low, high), images = self.data_range, keras.Input(self.image_shape, name="images")
        scaled = L.Rescaling((high - low) / 2.0, offset=(high + low) / 2.0)(images)
        # softmax(l) is the class given that the image is real: the fake logit does not enter.
        outputs = network(scaled, training=False)[:, : self.num_classes]
        return keras.Model(
            images, L.Softmax(dtype="float32", name="probabilities")(outputs), name="classifier"
        )

    def classify(self, images, batch_size=500):
        """Probabilities of the real classes.

        Args:
            images: `[n, height, width, channels]`, uint8, or float in [-1, 1].
            batch_size: images judged at a time; with minibatch discrimination they influence each other.

        Returns:
            float32 array `[n, K]`; rows sum to 1.

        Raises:
            UsageError: images of another shape.
        """
        images = np.asarray(images)
        if images.shape[1:] != self.image_shape:
            wanted = ", ".join(map(str, ("n", *self.image_shape)))
            raise UsageError(f"images must be [{wanted}], got {list(images.shape)}")
        network, parts = self.classifier, [np.zeros((0, self.num_classes), np.float32)]
        for start in range(0, len(images), batch_size):
            part = images[start : start + batch_size]
            scaled = part.astype(np.float32)
            if part.dtype == np.uint8:
                scaled = (scaled - np.float32(127.5)) * np.float32(1 / 127.5)
            with _backend.no_grad():
                parts.append(ops.convert_to_numpy(network(ops.convert_to_tensor(scaled), training=False)))
        return np.concatenate(parts)

    # -- data and configuration

    def fit(self, x=None, *args, **kwargs):
        """Trains as `AdversarialModel.fit` does, after a look at the labels.

        Raises:
            UsageError: labels are absent, out of range, of another number of classes, or of some class none.
        """
        y = args[0] if args else kwargs.get("y")
        if isinstance(x, np.ndarray) and y is None:
            raise UsageError("SemiSupervisedGAN needs labels: give fit images and labels, -1 for unlabelled")
        labels = y if y is not None else x[1] if isinstance(x, tuple) else getattr(x, "labels", None)
        if isinstance(labels, np.ndarray):
            self._check_labels(labels)
        return super().fit(x, *args, **kwargs)

    def _check_labels(self, labels):
        if labels.dtype.kind not in "iu":
            raise UsageError(f"labels must be integers, got {labels.dtype}")
        wrong = labels[(labels < -1) | (labels >= self.num_classes)]
        if wrong.size:
            raise UsageError(
                f"labels must be from 0 to {self.num_classes - 1}, or -1 for none, got {wrong.flat[0]}"
            )
        absent = sorted(set(range(self.num_classes)) - set(np.unique(labels).tolist()))
        if absent:
            raise UsageError(f"each class needs a labelled image, these have none: {absent}")

    def num_classes_of_label(self):
        return self.num_classes

    def example_data(self, n, seed=0):
        labels = np.arange(n, dtype="int32") % (self.num_classes + 1)
        return super().example_data(n, seed), np.where(labels < self.num_classes, labels, -1).astype("int32")

    def get_config(self):
        kept = ("generator", "discriminator", "classifier_average")
        serialize = keras.saving.serialize_keras_object
        parts = {name: serialize(part) if (part := getattr(self, name)) else None for name in kept}
        own = {name: getattr(self, name) for name in ("num_classes", "features", "prior")}
        return {**super().get_config(), **parts, **own, "data_range": list(self.data_range)}

    @classmethod
    def tiny(cls):
        """The smallest instance, with settings that differ from the defaults."""
        z, label = keras.Input((3,), name="z"), keras.Input((), dtype="int32", name="label")
        hidden = L.Concatenate()([z, layers.OneHot(3)(label)])
        images = L.Reshape((4, 4, 1))(L.Dense(16, activation="sigmoid")(hidden))
        generator = keras.Model({"z": z, "label": label}, images, name="generator")
        blocks = [layers.GaussianNoise(0.3, seed=1), layers.WeightNormDense(8, "tanh", name="matched")]
        blocks += [layers.Dropout(0.3, seed=2), layers.WeightNormDense(4, train_scale=True)]
        discriminator = keras.Sequential([keras.Input((4, 4, 1)), L.Flatten(), *blocks], name="discriminator")
        average = MovingAverage(decay=0.9, debias=True)
        return cls(
            generator,
            discriminator,
            num_classes=3,
            features="matched",
            prior="uniform_sqrt3",
            data_range=(0.0, 1.0),
            classifier_average=average,
            seed=5,
        )


def _judges(discriminator, features):
    """Networks of the discriminator's layers: to the matched features, and to these and the logits."""
    if isinstance(discriminator, keras.Sequential):
        # A new graph: a Sequential that was loaded has built its own more than once, and `output` of a layer
        # is that of the first, so that each of the two outputs would draw noise of its own.
        inputs = hidden = keras.Input(discriminator.input_shape[1:])
        outputs = {}
        for layer in discriminator.layers:
            hidden = outputs[layer.name] = layer(hidden)
        matched, last = outputs[features], hidden
    else:
        inputs, last = discriminator.inputs, discriminator.outputs[0]
        matched = discriminator.get_layer(features).output
    return {"features": keras.Model(inputs, matched), "both": keras.Model(inputs, [matched, last])}


def _check(generator, discriminator, num_classes, features):
    if not isinstance(num_classes, int) or num_classes < 1:
        raise UsageError(f"num_classes must be an integer of at least 1, got {num_classes!r}")
    for name, network in (("generator", generator), ("discriminator", discriminator)):
        if not network.built:
            raise UsageError(f"the {name} must be built: begin it with keras.Input, got {network.name}")
    made, judged = tuple(generator.output_shape[1:]), tuple(discriminator.input_shape[1:])
    if made != judged:
        raise UsageError(f"the generator makes {made}, but the discriminator takes {judged}")
    names = sorted(x.name for x in generator.inputs)
    if len(names) > 2 or (len(names) == 2 and names != ["label", "z"]):
        raise UsageError(f"the generator takes z, or z and label, got {names}")
    outputs = discriminator.output_shape[1:]
    if outputs not in ((num_classes,), (num_classes + 1,)):
        raise UsageError(
            f"the discriminator must have {num_classes} or {num_classes + 1} outputs, one for each class and "
            f"perhaps one more, got {outputs}"
        )
    known = [layer.name for layer in discriminator.layers]
    if features not in known:
        raise UsageError(f"features must name a layer of the discriminator, {known}, got {features!r}")
