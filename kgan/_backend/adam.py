"""When an optimizer is Adam and nothing else, so that a framework's fused kernel does the same."""


def is_plain_adam(optimizer):
    """Whether a step is Kingma and Ba's with epsilon-hat: no clipping, decay, averaging or loss scale."""
    kind = type(optimizer)
    return (
        kind.__name__ == "Adam"
        and kind.__module__.startswith("keras.")  # subclasses change the step
        and not (optimizer.amsgrad or optimizer.use_ema)
        and optimizer.weight_decay is None
        and optimizer.clipnorm is None
        and optimizer.clipvalue is None
        and optimizer.global_clipnorm is None
        and optimizer.loss_scale_factor is None
        and optimizer.gradient_accumulation_steps is None
    )


def are_plain(variables):
    """Whether the variables are float32 and updated by the optimizer's formula alone."""
    return all(
        variable.constraint is None and variable.dtype == "float32" and not variable.overwrite_with_gradient
        for variable in variables
    )


def slots(optimizer, variables):
    """(first moments, second moments) of a built Adam, in the order of `variables`."""
    places = [optimizer._get_variable_index(variable) for variable in variables]
    return [optimizer._momentums[i] for i in places], [optimizer._velocities[i] for i in places]
