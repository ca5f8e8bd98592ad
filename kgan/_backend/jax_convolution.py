"""Strided convolutions on JAX whose derivatives of every order XLA compiles well for CPUs.

A strided convolution is bilinear: with a third tensor in the place of the output it is one trilinear form,
and its derivatives are that form with one of the three left open. Autodiff would express the derivative of
the transposed convolution by its kernel as another convolution, which XLA:CPU runs twenty to sixty times
slower than the equal derivative of the plain convolution. Here each of the three names the other two.
"""

import functools

import jax
from jax import lax

_LAYOUT = ("NHWC", "HWIO", "NHWC")


def _plain(x, kernel, strides, pads):
    return lax.conv_general_dilated(x, kernel, strides, pads, dimension_numbers=_LAYOUT)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def conv(x, kernel, strides, pads):
    """Convolution of images `[n, h, w, a]` by a kernel `[kh, kw, a, b]`.

    Args:
        x: images.
        kernel: kernel.
        strides: pair of ints.
        pads: a pair (before, after) of pixels for each axis.
    """
    return _plain(x, kernel, strides, pads)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def conv_transpose(y, kernel, strides, pads, size):
    """The transpose of `conv` by its images: from `[n, h', w', b]` to `[n, *size, a]`."""
    x = jax.ShapeDtypeStruct((y.shape[0], *size, kernel.shape[2]), y.dtype)
    (x,) = jax.linear_transpose(lambda x: _plain(x, kernel, strides, pads), x)(y)
    return x


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _kernel_gradient(x, y, strides, pads, size):
    """The transpose of `conv` by its kernel of spatial `size`, at images x and output gradient y."""
    kernel = jax.ShapeDtypeStruct((*size, x.shape[3], y.shape[3]), x.dtype)
    (kernel,) = jax.linear_transpose(lambda kernel: _plain(x, kernel, strides, pads), kernel)(y)
    return kernel


def _keep(fn):
    """The forward rule of a function of two tensors: both are kept."""
    return lambda *args: (fn(*args), args[:2])


def _conv_back(strides, pads, kept, y):
    x, kernel = kept
    return (
        conv_transpose(y, kernel, strides, pads, x.shape[1:3]),
        _kernel_gradient(x, y, strides, pads, kernel.shape[:2]),
    )


def _conv_transpose_back(strides, pads, size, kept, x):
    y, kernel = kept
    return conv(x, kernel, strides, pads), _kernel_gradient(x, y, strides, pads, kernel.shape[:2])


def _kernel_gradient_back(strides, pads, size, kept, kernel):
    x, y = kept
    return conv_transpose(y, kernel, strides, pads, x.shape[1:3]), conv(x, kernel, strides, pads)


conv.defvjp(_keep(conv), _conv_back)
conv_transpose.defvjp(_keep(conv_transpose), _conv_transpose_back)
_kernel_gradient.defvjp(_keep(_kernel_gradient), _kernel_gradient_back)
