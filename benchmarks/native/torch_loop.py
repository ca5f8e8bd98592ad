"""DCGAN in plain PyTorch: `nn.Module`s in NCHW, `.backward()`, `optim.Adam`."""

import contextlib
import itertools

import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.native.shapes import LATENT


def make_generator(shape):
    c, layers = shape.channels, []
    if shape.dense_start:
        layers += [
            nn.Linear(LATENT, c[0] * shape.start**2, bias=False),
            nn.BatchNorm1d(c[0] * shape.start**2),
        ]
        layers += [nn.ReLU(), nn.Unflatten(1, (c[0], shape.start, shape.start))]
    else:
        layers += [nn.Unflatten(1, (LATENT, 1, 1)), nn.ConvTranspose2d(LATENT, c[0], 4, 1, 0, bias=False)]
        layers += [nn.BatchNorm2d(c[0]), nn.ReLU()]
    for before, after in itertools.pairwise(c[:-1]):
        layers += [nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers, nn.ConvTranspose2d(c[-2], c[-1], 4, 2, 1, bias=False), nn.Tanh())


def make_discriminator(shape):
    c = shape.channels[::-1]
    layers = [nn.Conv2d(c[0], c[1], 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    for before, after in itertools.pairwise(c[1:]):
        layers += [nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]
    if shape.dense_start:
        layers += [nn.Flatten(), nn.Linear(c[-1] * shape.start**2, 1, bias=False)]
    else:
        layers += [nn.Conv2d(c[-1], 1, 4, 1, 0, bias=False), nn.Flatten()]
    return nn.Sequential(*layers)


def copy_weights(module, keras_weights, shape):
    """Keras' NHWC weights into an NCHW module: the same network."""
    c, s = shape.channels[0], shape.start
    weights = iter(keras_weights)

    def to_nchw(flat):  # the last axis runs over [height, width, channels]
        return flat.reshape(*flat.shape[:-1], s, s, c).moveaxis(-1, -3).flatten(-3)

    with torch.no_grad():
        for layer in module:
            if isinstance(layer, nn.Linear):
                w = torch.as_tensor(next(weights))
                makes_map = layer.in_features == LATENT
                layer.weight.copy_(to_nchw(w).T if makes_map else to_nchw(w.T))
            elif isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                layer.weight.copy_(torch.as_tensor(next(weights)).permute(3, 2, 0, 1))
            elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
                values = [torch.as_tensor(next(weights)) for _ in range(4)]
                if isinstance(layer, nn.BatchNorm1d):
                    values = [to_nchw(value) for value in values]
                for tensor, value in zip(
                    (layer.weight, layer.bias, layer.running_mean, layer.running_var), values
                ):
                    tensor.copy_(value)


class Loop:
    """The training loop on images that are in memory.

    Args:
        shape: a `Shape`.
        data: float32 array `[n, height, width, channels]` in [-1, 1].
        batch: images per step.
        r1: weight of the R1 penalty on every step, or 0.
        weights: (generator weights, discriminator weights) as Keras lists them.
        device: "cpu" or "cuda".
        precision: "float32", "mixed_float16" or "mixed_bfloat16".
        tuned: channels_last memory and fused Adam, which a second look at the framework's documents gives.
    """

    def __init__(self, shape, data, batch, r1, weights, device="cpu", precision="float32", tuned=False):
        self.g, self.d = make_generator(shape), make_discriminator(shape)
        copy_weights(self.g, weights[0], shape)
        copy_weights(self.d, weights[1], shape)
        memory = torch.channels_last if tuned else torch.contiguous_format
        self.g.to(device, memory_format=memory)
        self.d.to(device, memory_format=memory)
        self.data = torch.as_tensor(data).permute(0, 3, 1, 2).contiguous(memory_format=memory).to(device)
        more = {"fused": True} if tuned else {}
        self.g_adam, self.d_adam = (
            torch.optim.Adam(net.parameters(), 2e-4, (0.5, 0.999), 1e-8, **more) for net in (self.g, self.d)
        )
        self.batch, self.r1, self.device = batch, r1, device
        self.sums = torch.zeros(2, device=device)
        dtype = {"mixed_float16": torch.float16, "mixed_bfloat16": torch.bfloat16}.get(precision)
        self.autocast = (
            (lambda: torch.autocast(device, dtype)) if dtype is not None else contextlib.nullcontext
        )
        self.scaler = torch.amp.GradScaler(device, enabled=dtype is torch.float16)

    def noise(self, n):
        return torch.randn(n, LATENT, device=self.device)

    def step(self, real, for_d=None, for_g=None):
        """One discriminator and one generator update; the two losses."""
        n = len(real)
        with torch.no_grad(), self.autocast():
            fake = self.g(self.noise(n) if for_d is None else for_d)
        self.d_adam.zero_grad()
        if self.r1:
            real = real.detach().requires_grad_()
        with self.autocast():
            score = self.d(real)
            d_loss = F.softplus(-score.float()).mean() + F.softplus(self.d(fake).float()).mean()
        total = d_loss
        if self.r1:
            (slope,) = torch.autograd.grad(score.sum(), real, create_graph=True)
            total = total + 0.5 * self.r1 * slope.square().sum((1, 2, 3)).mean()
        self.scaler.scale(total).backward()
        self.scaler.step(self.d_adam)
        self.g_adam.zero_grad()
        self.d.requires_grad_(False)  # its weights need no gradient here
        with self.autocast():
            score = self.d(self.g(self.noise(n) if for_g is None else for_g))
            g_loss = F.softplus(-score.float()).mean()
        self.scaler.scale(g_loss).backward()
        self.d.requires_grad_(True)
        self.scaler.step(self.g_adam)
        self.scaler.update()
        self.sums += torch.stack([d_loss.detach(), g_loss.detach()])
        return d_loss.detach(), g_loss.detach()

    def run(self, steps):
        order = torch.randperm(steps * self.batch, device=self.device)
        for i in range(0, len(order), self.batch):
            self.step(self.data[order[i : i + self.batch]])
        self.sums.tolist()  # waits for the device

    def losses(self, noise, steps):
        """Losses of the first steps on the first images, for given noise `[2, batch, latent]`."""
        real = self.data[: self.batch]
        for_d, for_g = (torch.as_tensor(z, device=self.device) for z in noise)
        return [[float(loss) for loss in self.step(real, for_d, for_g)] for _ in range(steps)]
