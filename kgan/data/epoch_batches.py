"""What data sets have in common whose batch is a function of (seed, epoch, index)."""

import keras


class EpochBatches(keras.utils.PyDataset):
    """A data set of whole batches in the order of the present epoch.

    A subclass sets `num_examples` and `batch_size` and defines `__getitem__`, with `part(index)` for the
    places of a batch in the epoch's order.

    Example:

    >>> class Squares(EpochBatches):
    ...     num_examples, batch_size = 5, 2
    ...
    ...     def __getitem__(self, index):
    ...         return [number**2 for number in range(5)[self.part(index)]]
    >>> [Squares()[index] for index in range(len(Squares()))]
    [[0, 1], [4, 9]]
    """

    epoch = 0
    num_examples: int
    batch_size: int

    def set_epoch(self, epoch):
        """Makes `epoch` (from 0) the present one."""
        self.epoch = int(epoch)

    def __len__(self):
        return self.num_examples // self.batch_size

    def part(self, index):
        """The slice of a batch in the order of the epoch; an `IndexError` beyond the last one."""
        if not 0 <= index < len(self):
            raise IndexError(f"batch {index} of {len(self)}")
        return slice(index * self.batch_size, (index + 1) * self.batch_size)
