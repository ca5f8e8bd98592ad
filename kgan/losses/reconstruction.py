"""How far an image is from the one that it should equal."""

from keras import ops


def l1(images, targets):
    """Mean absolute difference over batch, pixels and channels, a scalar.

    Args:
        images: float tensor of any shape.
        targets: tensor of the same shape.

    Example:
        >>> float(l1(ops.zeros((2, 3)), ops.ones((2, 3))))
        1.0
    """
    return ops.mean(ops.abs(ops.cast(images, "float32") - ops.cast(targets, "float32")))
