"""A look at the first batch of what `fit` was given, where that takes no batch away from the training."""

import keras


def first_batch(data):
    """The first batch of data that can be read again, or `None`.

    Those are `keras.utils.PyDataset` and `tf.data.Dataset`; one that shuffles itself is then in the order of
    its next pass. Generators and data loaders, which would lose the batch, are not touched.

    Args:
        data: what `fit` was given first.

    Example:

    >>> from kgan.data import Gaussians
    >>> first_batch(iter([1])), first_batch(Gaussians([[0, 0]], 0.1, 1.0, batch_size=4)).shape
    (None, (4, 1, 1, 2))
    """
    if isinstance(data, keras.utils.PyDataset):
        return data[0] if data.num_batches != 0 else None
    # TensorFlow is not imported for the question.
    if hasattr(data, "element_spec") and hasattr(data, "take"):
        return next(iter(data.take(1)), None)
    return None
