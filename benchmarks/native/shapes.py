"""The convolutions of the two networks, as every native loop builds them."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Shape:
    """The sizes of a DCGAN whose generator starts from a `start` x `start` map.

    Args:
        start: side of the first map.
        channels: channels of the generator's maps, from the first to the image.
        dense_start: whether a dense layer makes the first map; else a 4x4 transposed convolution does.
    """

    start: int
    channels: tuple[int, ...]
    dense_start: bool

    @property
    def side(self):
        return self.start * 2 ** (len(self.channels) - 1)

    @property
    def image(self):
        return (self.side, self.side, self.channels[-1])


LATENT = 100


def shape_28(width):
    return Shape(7, (2 * width, width, 1), dense_start=True)


def shape_64(width):
    return Shape(4, (8 * width, 4 * width, 2 * width, width, 3), dense_start=False)
