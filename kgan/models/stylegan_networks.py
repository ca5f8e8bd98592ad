"""The generator of StyleGAN: a mapping network, and a synthesis network that its styles drive."""

import functools
import types

import keras
import numpy as np
from keras import ops

from kgan import checks, layers
from kgan.errors import UsageError
from kgan.layers.equalized import SQRT2
from kgan.models.pggan import PGGANNetwork, number_of_classes

L = keras.layers


@keras.saving.register_keras_serializable("kgan")
class StyleGANGenerator(PGGANNetwork):
    """Generator that grows: z is mapped to w, and w sets the scale and shift of every layer's maps.

    `at(side)` is the whole network of one side, from a dict of `z`, maybe `label`, `truncation_psi` `[batch]`
    and one `noise_l` `[batch, side of l, side of l, 1]` per layer l to images. Its two halves, of the same
    layers, are `mapping` (z, or a dict of z and label, to w) and `synthesis_at(side)` (a dict of `w`
    `[batch, layers, latent_dim]` and the noise to images). A side 2^r has 2r - 2 layers, two for each from 4.

    Args:
        resolution: side of the largest images, a power of two, 4 to 1024.
        channels: image channels.
        fmap_base: widths double from the largest side down, from about this number over the side.
        fmap_max: greatest width.
        equalized: equalised learning rate.
        latent_dim: length of z and of w.
        mapping_layers: dense layers of the mapping network, at least 0; 0 leaves the normalised z.
        mapping_rate: learning-rate multiplier of the mapping network, greater than 0.
        styles: styles by instance norm at every layer; otherwise pixel norm there, and the first layer alone
            sees w.
        constant: the first maps are a learnt constant, otherwise a linear function of w.
        noise: noise at every layer.
        num_classes: number of classes, at least 2, or `None` for no label.
        truncation_cutoff: layers that truncation acts on, from the first on, at least 0; all where they are
            fewer.

    Raises:
        UsageError: an argument breaks its rule.

    Reference: Karras, Laine, Aila, A Style-Based Generator Architecture for Generative Adversarial Networks,
    2019.

    Example:

    >>> generator = StyleGANGenerator(16, fmap_max=8, latent_dim=8)
    >>> generator.num_layers(16), generator.synthesis_at(16).input["w"].shape[1:]
    (6, (6, 8))
    """

    def __init__(
        self,
        resolution=1024,
        channels=3,
        fmap_base=8192,
        fmap_max=512,
        equalized=True,
        *,
        latent_dim=512,
        mapping_layers=8,
        mapping_rate=0.01,
        styles=True,
        constant=True,
        noise=True,
        num_classes=None,
        truncation_cutoff=8,
        name="generator",
        **kwargs,
    ):
        super().__init__(resolution, channels, fmap_base, fmap_max, equalized, name=name, **kwargs)
        if constant and not styles:
            raise UsageError("constant must be False without styles, where the first maps alone see w")
        self.latent_dim = checks.count("latent_dim", latent_dim)
        self.mapping_layers = checks.count("mapping_layers", mapping_layers, 0)
        self.mapping_rate = checks.positive("mapping_rate", mapping_rate)
        self.truncation_cutoff = checks.count("truncation_cutoff", truncation_cutoff, 0)
        self.num_classes = number_of_classes(num_classes)
        self.styles, self.constant, self.noise = bool(styles), bool(constant), bool(noise)
        self.mapping = self._mapping()
        layers_at_most = self.num_layers(self.resolution)
        self.truncation = layers.Truncation(layers_at_most, self.truncation_cutoff, name="truncation")
        self.blocks = [self._block(side) for side in self.sides]
        self.to_rgb, self.enlarge = self.colours(), layers.Upsample2D(2, name="enlarge", dtype="float32")
        self.fixed_noise = [self._buffer(i) for i in range(layers_at_most if self.noise else 0)]
        self._syntheses = types.MappingProxyType({})
        self.finish()

    def num_layers(self, side):
        """Layers of the network of a side, each with a style and a noise image: 2 log2(side) - 2."""
        return 2 * (side.bit_length() - 2)

    @property
    def style_dim(self):
        """Length of w."""
        return self.mapping.output_shape[-1]

    @property
    def conditions(self):
        """Shape and type of what `mapping` takes, by name."""
        label = {} if self.num_classes is None else {"label": ((), "int32")}
        return {"z": ((self.latent_dim,), "float32"), **label}

    def noise_shapes(self, side):
        """Dict from the name of each noise input of the network of a side to its shape."""
        places = range(self.num_layers(side) if self.noise else 0)
        return {f"noise_{i}": (4 << i // 2, 4 << i // 2, 1) for i in places}

    def map(self, z, label=None):
        """w of z, `[batch, style_dim]`, outside of training."""
        return self.mapping(z if self.num_classes is None else {"z": z, "label": label}, training=False)

    def synthesis_at(self, side, fading=False):
        """The network from styles and noise to images of a side, made of this network's own layers.

        Args:
            side: one of `sides`.
            fading: whether the layers of the side before are still blended in.
        """
        if (side, fading) not in self._syntheses:
            w = keras.Input((self.num_layers(side), self.style_dim), name="w")
            noise = self._noise_inputs(side)
            images = self._images(side, fading, w, list(noise.values()))
            network = keras.Model({"w": w, **noise}, images, name=f"synthesis_{side}")
            # A proxy hides the networks from Keras, which would save their layers a second time.
            self._syntheses = types.MappingProxyType({**self._syntheses, (side, fading): network})
        return self._syntheses[side, fading]

    def connect(self, side, fading):
        inputs = self._conditions_inputs()
        psi, noise = keras.Input((), name="truncation_psi"), self._noise_inputs(side)
        w = self.truncation([self.mapping(inputs if len(inputs) > 1 else inputs["z"]), psi])
        images = self._images(side, fading, w, list(noise.values()))
        return keras.Model({**inputs, "truncation_psi": psi, **noise}, images, name=f"generator_{side}")

    def _conditions_inputs(self):
        return {
            name: keras.Input(shape, dtype=dtype, name=name)
            for name, (shape, dtype) in self.conditions.items()
        }

    def _noise_inputs(self, side):
        return {name: keras.Input(shape, name=name) for name, shape in self.noise_shapes(side).items()}

    def _mapping(self):
        inputs = self._conditions_inputs()
        x = inputs["z"]
        if self.num_classes is not None:
            normal = keras.initializers.RandomNormal(stddev=1.0)
            embed = L.Dense(self.latent_dim, use_bias=False, kernel_initializer=normal, name="classes")
            x = L.Concatenate()([x, embed(layers.OneHot(self.num_classes)(inputs["label"]))])
        x = layers.PixelNormalization(name="normalize")(x)
        slow = {"multiplier": self.mapping_rate} if self.equalized else {}
        for i in range(self.mapping_layers):
            x = L.LeakyReLU(0.2)(self.dense(self.latent_dim, name=f"mapping_{i}", **slow)(x))
        return keras.Model(inputs if len(inputs) > 1 else inputs["z"], x, name="mapping")

    def _block(self, side):
        """The two layers of one side, a network from the maps before, w and their noise."""
        maps, first = self.width(side), self.num_layers(side) - 2
        w, before = keras.Input((None, self.style_dim)), []
        noise = [keras.Input((side, side, 1)) for _ in range(2 if self.noise else 0)]
        if side > 4:
            before = [keras.Input((side // 2, side // 2, self.width(side // 2)))]
            x = layers.Upsample2D(2)(before[0])
            x = layers.Blur()(self.conv(maps, use_bias=False, name=f"conv_{first}")(x))
        elif self.constant:
            x = layers.LearnedConstant((4, 4, maps), name="constant")(w)
        else:
            # gain sqrt(2) / 4: each of the 16 pixels of a map sees the whole vector.
            dense = self.dense(16 * maps, gain=SQRT2 / 4, use_bias=False, name="first")
            x = L.Reshape((4, 4, maps))(dense(ops.take(w, 0, axis=1)))
        x = self._after(first, x, w, noise[:1])
        x = self.conv(maps, use_bias=False, name=f"conv_{first + 1}")(x)
        x = self._after(first + 1, x, w, noise[1:])
        return keras.Model([*before, *self._of_block(side, w), *noise], x, name=f"block_{side}")

    def _of_block(self, side, w):
        return [w] if self.styles or side == 4 else []

    def _after(self, place, x, w, noise):
        """Bias and noise, activation and normalisation of one layer, in this order.

        The paper adds the noise first. In this order a graph may add the bias to the constant beforehand, and
        rounds as Keras does: early in training the normalisation enlarges what is rounded 10,000 times.
        """
        x = layers.Bias(name=f"bias_{place}")(x)
        if noise:
            x = layers.NoiseInjection(name=f"noise_{place}")([x, noise[0]])
        x = L.LeakyReLU(0.2)(x)
        if not self.styles:
            return layers.PixelNormalization(name=f"norm_{place}")(x)
        return layers.AdaIN(place, equalized=self.equalized, name=f"style_{place}")([x, w])

    def _images(self, side, fading, w, noise):
        last = self.sides.index(side)
        maps = []
        for place, block in enumerate(self.blocks[: last + 1]):
            own = noise[2 * place : 2 * place + 2]
            maps.append(block([*maps[-1:], *self._of_block(self.sides[place], w), *own]))
        images = self.to_rgb[last](maps[-1])
        if not fading:
            return images
        return self.fade([images, self.enlarge(self.to_rgb[last - 1](maps[-2]))])

    def _buffer(self, place):
        """Noise that stays: a weight which nothing trains, the same on every backend."""
        side = 4 << place // 2
        start = np.random.default_rng(place).standard_normal((side, side, 1)).astype("float32")
        return self.add_weight(
            shape=start.shape,
            initializer=functools.partial(_given, start),
            trainable=False,
            name=f"fixed_noise_{place}",
        )

    def get_config(self):
        names = ("latent_dim", "mapping_layers", "mapping_rate", "styles", "constant", "noise")
        names += ("num_classes", "truncation_cutoff")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _given(values, shape, dtype=None):
    return ops.convert_to_tensor(values, dtype)
