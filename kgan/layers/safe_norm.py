"""Euclidean norm with a gradient at zero."""

from keras import ops


def safe_norm(x, axis=None, keepdims=False, epsilon=1e-12):
    """Euclidean norm `sqrt(sum(x^2) + epsilon)`, differentiable twice everywhere.

    The plain norm has no gradient at 0: NaN or 0, depending on the backend and on the spelling.

    Args:
        x: tensor.
        axis: int or tuple of ints to sum over; None for all.
        keepdims: keep the summed axes with size 1.
        epsilon: added under the root; the norm of 0 is its square root.

    Returns:
        Tensor, float32 or wider.

    Example:
        >>> float(safe_norm(ops.convert_to_tensor([3.0, 4.0])))
        5.0
    """
    x = ops.convert_to_tensor(x)
    if ops.dtype(x) in ("float16", "bfloat16"):
        x = ops.cast(x, "float32")  # 1e-12 is 0 in float16
    return ops.sqrt(ops.sum(ops.square(x), axis=axis, keepdims=keepdims) + epsilon)
