"""Data sets from the Hugging Face hub, and how one fails without a network."""

import contextlib
import pathlib
import re
import socket
import urllib.parse
import urllib.request
from typing import Any

from kgan.errors import DataError

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


def looks_like_path(source):
    """Whether a name that is no folder was still meant as one, so that the hub is not asked for it.

    Example:

    >>> [looks_like_path(name) for name in ("./pictures", "a/b/c", "zalando-datasets/fashion_mnist")]
    [True, True, False]
    """
    first, _, rest = source.partition("/")
    return not _HUB_ID.fullmatch(source) or bool(rest and pathlib.Path(first).is_dir())


def load(source, split):
    """One split of a data set on the hub, from the cache if it was loaded before.

    Raises:
        DataError: neither the hub nor the cache has it.
    """
    import datasets

    with _offline_if_unreachable():
        try:
            return datasets.load_dataset(source, split=split)
        except ConnectionError:
            raise DataError(
                f"cannot read {source}: there is no such folder, it is not in the cache of `datasets`, "
                "and the Hugging Face hub is not reachable"
            ) from None


@contextlib.contextmanager
def _offline_if_unreachable():
    """Goes straight to the cache when the hub's name does not resolve: its own retries take over 20 s."""
    import datasets.config
    import huggingface_hub.constants

    host = urllib.parse.urlsplit(huggingface_hub.constants.ENDPOINT).hostname
    if host is None or urllib.request.getproxies() or _resolves(host):
        yield
        return
    switches: Any = (datasets.config, huggingface_hub.constants)
    before = [module.HF_HUB_OFFLINE for module in switches]
    try:
        for module in switches:
            module.HF_HUB_OFFLINE = True
        yield
    finally:
        for module, value in zip(switches, before):
            module.HF_HUB_OFFLINE = value


def _resolves(host):
    try:
        socket.getaddrinfo(host, 443)
    except OSError:
        return False
    return True
