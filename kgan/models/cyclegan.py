"""CycleGAN: translation between two sets of unpaired images."""

import functools
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from kgan import _backend, checks, layers, losses, pictures
from kgan.engine.model import AdversarialModel, Preset
from kgan.errors import UsageError
from kgan.losses.reconstruction import l1
from kgan.models.cyclegan_networks import networks, sides_of, unet_generator
from kgan.types import Input, check_pictures, to_uint8


def optimizers(learning_rate=2e-4):
    """The published Adam of each player, for `compile`.

    Args:
        learning_rate: float or schedule, such as `kgan.engine.schedules.LinearDecay`.

    Example:

    >>> sorted(optimizers(1e-4))
    ['discriminator', 'generator']
    """
    return {
        player: keras.optimizers.Adam(learning_rate, beta_1=0.5, beta_2=0.999, epsilon=1e-8)
        for player in ("generator", "discriminator")
    }


def _training():
    # Mean squared errors: without the half in G, with it on the sum in D.
    return {"optimizer": optimizers(), "loss": losses.LeastSquares(generator_weight=2.0)}


def _check_shape(which, shape, wanted):
    """Sides that are not known before a batch is there (`None`) pass."""
    if len(shape) != 3 or any(side not in (None, known) for side, known in zip(shape, wanted)):
        made, given = _text(wanted), _text(shape)
        raise UsageError(f"images of {which} must be {made} for this model, got {given or 'numbers'}")


def _text(sides):
    return "x".join(map(str, sides))


@keras.saving.register_keras_serializable("kgan")
class CycleGAN(AdversarialModel):
    """Two generators between the sets A and B, held together by going there and back.

    `generator_ab` turns an image of A into one of B and `generator_ba` the other way; `discriminator_a`
    judges images of A (the paper's D_X), `discriminator_b` images of B (D_Y). Both generators share one
    optimizer step, as do both discriminators. A batch is (images of A, images of B), without pairs.

    Args:
        generator_ab, generator_ba: built networks from images to images in [-1, 1] of the same size, which
            is fixed while they train; `translate` and `translator` take other ones.
        discriminator_a, discriminator_b: built networks from images to a map of scores.
        cycle_weight: lambda, weight of the cycle terms, or a pair for A and B; >= 0.
        identity_weight: weight of the identity terms relative to `cycle_weight`, >= 0; 0 leaves them out.
        pool_size: fakes that each discriminator may be shown again, >= 0.
        preset: name of the published configuration.
        seed: int >= 0, seeds the pools.

    Raises:
        UsageError: an argument breaks its rule, or the networks do not fit each other.

    Reference: Zhu, Park, Isola, Efros, Unpaired Image-to-Image Translation using Cycle-Consistent
    Adversarial Networks, 2017.

    Example:

    >>> import numpy as np
    >>> model = CycleGAN(**networks(image_size=24, width=2, stages=1, blocks=1))
    >>> model.compile()
    >>> images = np.zeros((4, 24, 24, 3), "float32")
    >>> history = model.fit(images, images, batch_size=2, verbose=0)
    >>> model.translate(np.zeros((1, 24, 24, 3), "uint8"), "ba").shape
    (1, 24, 24, 3)
    """

    presets: ClassVar[dict[str, Preset]] = {
        "cyclegan_256": Preset(
            "256x256, 9 residual blocks, patches of 70x70 (Zhu et al., 2017)",
            functools.partial(networks, image_size=256, blocks=9),
            _training,
            1,
        ),
        "cyclegan_128": Preset(
            "128x128, 6 residual blocks, patches of 70x70 (Zhu et al., 2017)",
            functools.partial(networks, image_size=128, blocks=6),
            _training,
            1,
        ),
        "cyclegan_unet_256": Preset(
            "256x256, generators that are U-Nets",
            functools.partial(networks, unet_generator, 256),
            _training,
            1,
        ),
        "cyclegan_unet_128": Preset(
            "128x128, generators that are U-Nets",
            functools.partial(networks, unet_generator, 128),
            _training,
            1,
        ),
        "cyclegan_64": Preset(
            "64x64, half the width, 4 residual blocks, patches of 34x34: for a CPU (unpublished)",
            functools.partial(networks, image_size=64, width=32, stages=2, blocks=4),
            _training,
            4,
        ),
    }
    extra_logs = ("adversarial_loss", "cycle_loss", "identity_loss")

    def __init__(
        self,
        generator_ab,
        generator_ba,
        discriminator_a,
        discriminator_b,
        *,
        cycle_weight: float | tuple[float, float] = 10.0,
        identity_weight=0.5,
        pool_size=50,
        preset=None,
        seed=0,
        **kwargs,
    ):
        if kwargs.pop("average", None) is not None:
            raise UsageError("average must be None: both generators of a CycleGAN are used as trained")
        super().__init__(preset=preset, seed=checks.count("seed", seed, 0), **kwargs)
        pair = tuple(cycle_weight) if isinstance(cycle_weight, tuple | list) else (cycle_weight,) * 2
        if len(pair) != 2 or not all(checks.is_number(weight, 0) for weight in pair):
            raise UsageError(f"cycle_weight must be a number >= 0 or a pair of them, got {cycle_weight!r}")
        if not checks.is_number(identity_weight, 0):
            raise UsageError(f"identity_weight must be a number >= 0, got {identity_weight!r}")
        self.generator_ab, self.generator_ba = generator_ab, generator_ba
        self.discriminator_a, self.discriminator_b = discriminator_a, discriminator_b
        self._check_networks(identity_weight)
        self.cycle_weight, self.identity_weight = cycle_weight, float(identity_weight)
        self.lambda_a, self.lambda_b = (float(weight) for weight in pair)
        self.pool_size = checks.count("pool_size", pool_size, 0)
        self.pool_a = layers.ImagePool(self.pool_size, seed=2 * self.seed)
        self.pool_b = layers.ImagePool(self.pool_size, seed=2 * self.seed + 1)
        self.pool_a.build(self.discriminator_a.input_shape)
        self.pool_b.build(self.discriminator_b.input_shape)
        self.finish()

    def _check_networks(self, identity_weight):
        a, b = self.generator_ab.input_shape[1:], self.generator_ba.input_shape[1:]
        rules = {
            "generator_ab makes": (self.generator_ab.output_shape[1:], b),
            "generator_ba makes": (self.generator_ba.output_shape[1:], a),
            "discriminator_a takes": (self.discriminator_a.input_shape[1:], a),
            "discriminator_b takes": (self.discriminator_b.input_shape[1:], b),
        }
        for what, (found, wanted) in rules.items():
            if tuple(found) != tuple(wanted):
                raise UsageError(f"networks must fit: {what} {found}, the other set has {wanted}")
        for shape in (a, b):
            if None in shape:
                raise UsageError(
                    f"images must have a fixed size to be trained on, got {_text(shape)}: give image_size; "
                    "translate takes other sizes by itself"
                )
        if identity_weight and a != b:
            raise UsageError(f"identity_weight must be 0 for sets of {_text(a)} and {_text(b)}")

    @property
    def image_shape(self):
        """(height, width, channels) of an image of A."""
        return tuple(self.generator_ab.input_shape[1:])

    @property
    def image_shape_b(self):
        """(height, width, channels) of an image of B."""
        return tuple(self.generator_ba.input_shape[1:])

    def _check_images(self, data):
        super()._check_images(data)
        shape = getattr(data, "image_shape_b", None)
        if shape is not None:
            _check_shape("B", shape, self.image_shape_b)

    def players(self):
        return {
            "generator": [self.generator_ab, self.generator_ba],
            "discriminator": [self.discriminator_a, self.discriminator_b],
        }

    def default_training(self):
        return _training()

    def fit(self, x=None, y=None, *args, **kwargs):
        """Trains as `keras.Model.fit` does, on `(images of A, images of B)`.

        Raises:
            UsageError: the images do not fit the model, or arrays are not as long as each other.
        """
        a, b = x if isinstance(x, tuple) and len(x) == 2 else (x, y)
        if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
            _check_shape("B", b.shape[1:], self.image_shape_b)
            checks.pixels("images of B", b)
            if len(a) != len(b):
                raise UsageError(
                    f"arrays must hold as many images of A as of B, got {len(a)} and {len(b)}: cut one, or "
                    "let kgan.data.load_unpaired serve two folders, whatever their lengths"
                )
        return super().fit(x, y, *args, **kwargs)

    # Both generators move first; the discriminators then judge the fakes of that same forward pass.
    def adversarial_step(self, batch):
        a, b = self._pair(batch)
        fakes: Any = self.update("generator", functools.partial(self.generator_loss, a, b))
        with _backend.no_grad():
            fake_a, fake_b = self.pool_a.query(fakes[0]), self.pool_b.query(fakes[1])
        self.update("discriminator", functools.partial(self.discriminator_loss, a, b, fake_a, fake_b))

    def _pair(self, batch):
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            raise UsageError("a batch must be (images of A, images of B), as load_unpaired gives them")
        for name, images, wanted in zip("AB", batch, (self.image_shape, self.image_shape_b)):
            _check_shape(name, images.shape[1:], wanted)
        return batch

    def generator_loss(self, a, b):
        """Equation 3 of the paper with the identity terms of its section 5.2; also gives the fakes."""
        ab, ba = self.generator_ab, self.generator_ba
        fake_b, fake_a = self.run_network(ab, a), self.run_network(ba, b)
        adversarial = self._persuade(self.discriminator_a, a, fake_a)
        adversarial = adversarial + self._persuade(self.discriminator_b, b, fake_b)
        cycle = self.lambda_a * l1(self.run_network(ba, fake_b), a)
        cycle = cycle + self.lambda_b * l1(self.run_network(ab, fake_a), b)
        logs = {"adversarial_loss": adversarial, "cycle_loss": cycle}
        loss = adversarial + cycle
        if self.identity_weight:
            same = self.lambda_b * l1(self.run_network(ab, b), b)
            same = self.identity_weight * (same + self.lambda_a * l1(self.run_network(ba, a), a))
            loss, logs["identity_loss"] = loss + same, same
        logs["generator_loss"] = loss
        return loss, logs, (ops.stop_gradient(fake_a), ops.stop_gradient(fake_b))

    def _persuade(self, critic, real, fake):
        scores = None
        if self.loss_function.needs_real:
            scores = ops.stop_gradient(self.run_network(critic, real))
        return self.loss_function.generator(self.run_network(critic, fake), scores)

    def discriminator_loss(self, a, b, fake_a, fake_b):
        """The sum of both discriminators' losses."""
        loss_a, penalty_a, logs_a = self._judge(self.discriminator_a, a, fake_a)
        loss_b, penalty_b, logs_b = self._judge(self.discriminator_b, b, fake_b)
        logs = keras.tree.map_structure(lambda x, y: (x + y) / 2.0, logs_a, logs_b)
        loss = loss_a + loss_b
        return loss + penalty_a + penalty_b, {"discriminator_loss": loss, **logs}

    def _judge(self, critic, real, fake):
        critic = functools.partial(self.run_network, critic)
        real, fake, penalty, logs = self.penalized_scores("discriminator", critic, real, fake)
        return self.loss_function.discriminator(real, fake), penalty, logs

    # -- translation

    def sampling_inputs(self):
        about = "an image of A in [-1, 1]"
        return (Input("image", self.image_shape, distribution="given", description=about),)

    def sampled_network(self):
        return self.generator_ab

    def set_banks(self, banks):
        """Gives the model held-out images, which `sample` and `sheet` translate.

        Args:
            banks: dict of `"image"`, images of A, and maybe `"image_b"`, as many images of B, float32
                `[m, height, width, channels]` in [-1, 1].

        Raises:
            UsageError: another name, other shapes, or different numbers of images.
        """
        banks = dict(banks)
        images_b = banks.pop("image_b", None)
        super().set_banks(banks)
        if images_b is None:
            return
        images_b, wanted = np.array(images_b, "float32"), (len(banks.get("image", ())), *self.image_shape_b)
        if images_b.shape != wanted or not np.isfinite(images_b).all():
            raise UsageError(
                f"bank image_b must be {list(wanted)} finite numbers, got {list(images_b.shape)}"
            )
        self._banks["image_b"] = images_b

    def sheet(self, n, seed=0):
        """Triples of an image, its translation, and what comes back: of A on the left, of B on the right."""
        banks = self.banks()
        names = [name for name in ("image", "image_b") if name in banks]
        alike = self.image_shape == self.image_shape_b
        if not names or not alike or not pictures.drawable(self.image_shape):
            return None, None
        rows = max(1, min(n // (3 * len(names)), len(banks[names[0]])))
        columns = []
        for name, there, back in zip(names, ("ab", "ba"), ("ba", "ab")):
            images = to_uint8(banks[name][:rows])
            made = self.translate(images, there)
            columns += [images, made, self.translate(made, back)]
        return np.stack(columns, axis=1).reshape(-1, *columns[0].shape[1:]), len(columns)

    @property
    def directions(self):
        """The translations that `translate` and an export choose from."""
        return ("ab", "ba")

    def translator(self, direction="ab"):
        """One direction's network for images of any size that it can take.

        Args:
            direction: `"ab"` or `"ba"`.

        Returns:
            `(network, sides)`: a Keras model with the present weights, from float images in [-1, 1] to such
            images, and its `kgan.types.Sides`; these are `None` where it takes images of one size alone.

        Raises:
            UsageError: another direction.

        Example:

        >>> network, sides = CycleGAN.tiny().translator("ab")
        >>> network.input_shape, sides.multiple, sides.least
        ((None, None, None, 3), 4, 8)
        """
        network = self._direction(direction)
        channels = network.input_shape[-1]
        try:
            free = keras.models.clone_model(network, input_tensors=keras.Input((None, None, channels)))
            free.set_weights(network.get_weights())
        except (ValueError, TypeError):  # a layer, such as Dense after Flatten, fixes the size
            return network, None
        sides = sides_of(free)
        return (network, None) if sides is None else (free, sides)

    def translate(self, images, direction="ab", batch_size=16):
        """Turns images of one set into images of the other.

        Args:
            images: uint8 `[n, height, width, channels]`, of the networks' size, or of another one where the
                networks can take it: a `resnet_generator` takes sides that are multiples of 4.
            direction: `"ab"` or `"ba"`.
            batch_size: images at a time, >= 1; it changes no image.

        Returns:
            uint8 array of the same shape.

        Raises:
            UsageError: another direction, or images of another shape or type.
        """
        checks.count("batch_size", batch_size)
        network, images = self._direction(direction), np.asarray(images)
        shape, sides = tuple(network.input_shape[1:]), None
        if images.ndim == 4 and images.shape[1:] != shape:
            network, sides = self.translator(direction)
            shape = tuple(network.input_shape[1:])
        check_pictures(images, shape, sides)
        parts = []
        for start in range(0, len(images), batch_size):
            part = images[start : start + batch_size].astype("float32") / 127.5 - 1.0
            with _backend.no_grad():
                made = network(ops.convert_to_tensor(part), training=False)
            parts.append(to_uint8(ops.convert_to_numpy(ops.cast(made, "float32"))))
        return np.concatenate(parts) if parts else images

    def _direction(self, direction):
        if direction not in self.directions:
            raise UsageError(f'direction must be "ab" or "ba", got {direction!r}')
        return self.generator_ab if direction == "ab" else self.generator_ba

    # -- construction

    def example_data(self, n, seed=0):
        rng = np.random.default_rng(seed)
        shapes = self.image_shape, self.image_shape_b
        return tuple(rng.uniform(-1.0, 1.0, (n, *shape)).astype("float32") for shape in shapes)

    def get_config(self):
        names = ("generator_ab", "generator_ba", "discriminator_a", "discriminator_b")
        own = {name: keras.saving.serialize_keras_object(getattr(self, name)) for name in names}
        own |= {
            "cycle_weight": self.cycle_weight,
            "identity_weight": self.identity_weight,
            "pool_size": self.pool_size,
        }
        return {**super().get_config(), **own}

    @classmethod
    def tiny(cls):
        """The smallest instance, with settings that differ from the defaults."""
        made = networks(image_size=16, width=2, stages=1, blocks=1)
        model = cls(**made, cycle_weight=(5.0, 6.0), identity_weight=0.25, pool_size=3, seed=4)
        model.set_banks(dict(zip(("image", "image_b"), model.example_data(4, seed=1))))
        return model
