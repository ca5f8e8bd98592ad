"""Errors that a user sees: one line that states the rule and the value received."""


class KganError(Exception):
    """Base of every error that kgan raises on purpose; the command line prints it without a traceback."""

    exit_code = 1
    # Keras then does not wrap what a layer raises in lines about the call.
    _keras_call_info_injected = True


class UsageError(KganError, ValueError):
    """An argument, option or setting breaks its rule."""

    exit_code = 2


class MissingExtraError(KganError, ImportError):
    """An optional package is not installed.

    Args:
        package: the import that failed, e.g. `"datasets"`.
        extra: the extra that installs it, e.g. `"data"`.
    """

    def __init__(self, package, extra):
        super().__init__(f"{package} is not installed: run `pip install 'kgan[{extra}]'`")


class DataError(KganError, ValueError):
    """A data set or an image cannot be used."""


class CheckpointError(KganError, RuntimeError):
    """A checkpoint is missing, damaged, or belongs to another model."""


class BundleError(KganError, RuntimeError):
    """An exported bundle is damaged, was changed, or fails its verification."""


class NonFiniteLossError(KganError, ArithmeticError):
    """A loss became NaN or infinite."""
