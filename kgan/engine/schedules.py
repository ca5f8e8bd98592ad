"""Learning-rate and momentum schedules of the 2014 models, computed inside the train step."""

import math

import keras
from keras import ops

from kgan import checks
from kgan.errors import UsageError


@keras.saving.register_keras_serializable("kgan")
class ExponentialDecayFloor(keras.optimizers.schedules.LearningRateSchedule):
    """Learning rate `max(initial / decay**t, floor)` after t updates.

    Args:
        initial_learning_rate: rate of the first update, greater than 0.
        decay: divisor per update, at least 1; the 2014 models use 1.000004.
        floor: smallest rate, at least 0.

    Raises:
        UsageError: an argument out of range.

    Example:
        >>> schedule = ExponentialDecayFloor(0.1)
        >>> round(float(schedule(0)), 6), round(float(schedule(10**6)), 8), float(schedule(10**7)) > 9e-7
        (0.1, 0.00183158, True)
    """

    def __init__(self, initial_learning_rate, decay=1.000004, floor=1e-6):
        checks.positive("initial_learning_rate", initial_learning_rate)
        if not (math.isfinite(decay) and decay >= 1):
            raise UsageError(f"decay must be at least 1, got {decay}")
        if not (math.isfinite(floor) and floor >= 0):
            raise UsageError(f"floor must be at least 0, got {floor}")
        self.initial_learning_rate = initial_learning_rate
        self.decay = decay
        self.floor = floor

    def __call__(self, step):
        # decay**t by its logarithm: 1.000004 itself has two correct digits left of 4e-6 in float32.
        exponent = ops.cast(step, "float32") * -math.log(self.decay)
        return ops.maximum(self.initial_learning_rate * ops.exp(exponent), self.floor)

    def get_config(self):
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay": self.decay,
            "floor": self.floor,
        }


@keras.saving.register_keras_serializable("kgan")
class LinearTail(keras.optimizers.schedules.LearningRateSchedule):
    """Learning rate that is constant and then falls linearly to 0, from epoch to epoch.

    `initial * min((epochs - e) / (epochs - constant_epochs), 1)` in epoch e, counted from 0, and 0 after the
    last. Salimans et al. 2016 use `min(3 - e / 400, 1)` on CIFAR-10: 800 constant epochs of 1200.

    Args:
        initial_learning_rate: rate of the first update, greater than 0.
        steps_per_epoch: updates per epoch, at least 1.
        constant_epochs: epochs before the fall, at least 0.
        epochs: epochs until the rate is 0, greater than `constant_epochs`.

    Raises:
        UsageError: an argument out of range.

    Example:
        >>> schedule = LinearTail(1.0, steps_per_epoch=500, constant_epochs=800, epochs=1200)
        >>> [float(schedule(500 * epoch)) for epoch in (0, 800, 1000, 1200)]
        [1.0, 1.0, 0.5, 0.0]
    """

    def __init__(self, initial_learning_rate, steps_per_epoch, constant_epochs, epochs):
        checks.positive("initial_learning_rate", initial_learning_rate)
        if steps_per_epoch < 1:
            raise UsageError(f"steps_per_epoch must be at least 1, got {steps_per_epoch}")
        if not 0 <= constant_epochs < epochs:
            raise UsageError(
                f"epochs must be 0 <= constant_epochs < epochs, got {constant_epochs} and {epochs}"
            )
        self.initial_learning_rate = initial_learning_rate
        self.steps_per_epoch = steps_per_epoch
        self.constant_epochs = constant_epochs
        self.epochs = epochs

    def __call__(self, step):
        epoch = ops.cast(ops.floor_divide(ops.cast(step, "int32"), self.steps_per_epoch), "float32")
        rest = (self.epochs - epoch) / (self.epochs - self.constant_epochs)
        return self.initial_learning_rate * ops.clip(rest, 0.0, 1.0)

    def get_config(self):
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "steps_per_epoch": self.steps_per_epoch,
            "constant_epochs": self.constant_epochs,
            "epochs": self.epochs,
        }


@keras.saving.register_keras_serializable("kgan")
class LinearMomentumSGD(keras.optimizers.SGD):
    """Gradient descent with classical momentum that grows linearly between two steps.

    `v <- m v - lr g; w <- w + v`, with `m` going from `initial_momentum` at `start_step` to
    `final_momentum` at `end_step`, and constant before and after. Goodfellow et al. 2014 use 0.5 to 0.7.

    Args:
        learning_rate: float or schedule.
        initial_momentum: m up to `start_step`, in [0, 1].
        final_momentum: m from `end_step` on, in [0, 1].
        start_step: updates before the change, at least 0.
        end_step: updates after which m is final, greater than `start_step`.
        **kwargs: other arguments of `keras.optimizers.SGD`, except `momentum` and `nesterov`.

    Raises:
        UsageError: an argument out of range.

    Example:
        >>> optimizer = LinearMomentumSGD(0.1, 0.5, 0.7, start_step=0, end_step=100)
        >>> round(float(optimizer.momentum_at(50)), 6)
        0.6
    """

    def __init__(
        self,
        learning_rate=0.1,
        initial_momentum=0.5,
        final_momentum=0.7,
        start_step=0,
        end_step=1,
        name="linear_momentum_sgd",
        **kwargs,
    ):
        for key, momentum in (("initial_momentum", initial_momentum), ("final_momentum", final_momentum)):
            checks.share(key, momentum)
        if not 0 <= start_step < end_step:
            raise UsageError(f"steps must be 0 <= start_step < end_step, got {start_step} and {end_step}")
        # Keras makes the velocity slots when momentum is not 0; its value is replaced in update_step.
        super().__init__(learning_rate=learning_rate, momentum=1.0, name=name, **kwargs)
        self.initial_momentum = initial_momentum
        self.final_momentum = final_momentum
        self.start_step = start_step
        self.end_step = end_step

    def momentum_at(self, step):
        """The momentum of the update after `step` updates, a float32 scalar."""
        done = (ops.cast(step, "float32") - self.start_step) / (self.end_step - self.start_step)
        done = ops.clip(done, 0.0, 1.0)
        return self.initial_momentum + (self.final_momentum - self.initial_momentum) * done

    def update_step(self, gradient, variable, learning_rate):
        velocity = self.momentums[self._get_variable_index(variable)]
        momentum = ops.cast(self.momentum_at(self.iterations), variable.dtype)
        step = ops.cast(learning_rate, variable.dtype) * ops.cast(gradient, variable.dtype)
        self.assign(velocity, momentum * velocity - step)
        self.assign_add(variable, velocity)

    def get_config(self):
        config = super().get_config()
        for key in ("momentum", "nesterov"):
            del config[key]
        return {
            **config,
            "initial_momentum": self.initial_momentum,
            "final_momentum": self.final_momentum,
            "start_step": self.start_step,
            "end_step": self.end_step,
        }


@keras.saving.register_keras_serializable("kgan")
class LinearDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Constant learning rate, then a straight line to zero, by epochs.

    In epoch e, counted from 1, the rate is multiplied by `1 - max(0, e - constant) / (decay + 1)`.

    Args:
        initial_learning_rate: rate of the first epoch, greater than 0.
        constant_epochs: epochs at this rate, >= 0.
        decay_epochs: epochs of the line, >= 1.
        steps_per_epoch: train steps of an epoch, >= 1.

    Raises:
        UsageError: an argument out of range.

    Example:

    >>> schedule = LinearDecay(1.0, 100, 100, steps_per_epoch=10)
    >>> [round(float(schedule((epoch - 1) * 10)), 4) for epoch in (1, 100, 101, 151, 200)]
    [1.0, 1.0, 0.9901, 0.495, 0.0099]
    """

    def __init__(self, initial_learning_rate, constant_epochs, decay_epochs, steps_per_epoch):
        checks.positive("initial_learning_rate", initial_learning_rate)
        rules = {
            "constant_epochs": (constant_epochs, 0),
            "decay_epochs": (decay_epochs, 1),
            "steps_per_epoch": (steps_per_epoch, 1),
        }
        for name, (value, least) in rules.items():
            if value < least:
                raise UsageError(f"{name} must be at least {least}, got {value}")
        self.initial_learning_rate = initial_learning_rate
        self.constant_epochs, self.decay_epochs = constant_epochs, decay_epochs
        self.steps_per_epoch = steps_per_epoch

    def __call__(self, step):
        # In integers: XLA multiplies by the reciprocal, and an epoch's first step may fall short of it.
        epoch = ops.cast(ops.floor_divide(ops.cast(step, "int32"), self.steps_per_epoch), "float32") + 1.0
        over = ops.maximum(0.0, epoch - self.constant_epochs) / (self.decay_epochs + 1.0)
        return self.initial_learning_rate * ops.maximum(0.0, 1.0 - over)

    def get_config(self):
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "constant_epochs": self.constant_epochs,
            "decay_epochs": self.decay_epochs,
            "steps_per_epoch": self.steps_per_epoch,
        }
