"""StyleGAN in plain PyTorch: functions in NCHW, `create_graph` for R1, `optim.Adam`."""

import contextlib
import itertools
import random

import torch
import torch.nn.functional as F

SQRT2 = 2**0.5


def dense(x, p, gain=SQRT2, rate=1.0):
    kernel, bias = next(p), next(p)
    return F.linear(x, kernel * (gain * rate / kernel.shape[1] ** 0.5), bias * rate)


def conv(x, p, gain=SQRT2, bias=True):
    kernel = next(p)
    scaled = kernel * (gain / kernel[0].numel() ** 0.5)
    return F.conv2d(x, scaled, next(p) if bias else None, padding=kernel.shape[2] // 2)


def blur(x, kernel):
    return F.conv2d(x, kernel.expand(x.shape[1], 1, 3, 3), padding=1, groups=x.shape[1])


def minibatch_stddev(x, group=4):
    n, _, height, width = x.shape
    spread = x.float().view(group, n // group, *x.shape[1:]).var(0, unbiased=False).add(1e-8).sqrt()
    spread = spread.mean((1, 2, 3)).view(-1, 1, 1, 1).repeat(group, 1, height, width)
    return torch.cat([x, spread.to(x.dtype)], 1)


class Generator:
    """Mapping and synthesis; `params` are the weights in the order of the pass."""

    def __init__(self, params, mapping, layers, kernel):
        self.params, self.layers, self.kernel = params, layers, kernel
        self.split = 2 * mapping

    def map(self, z):
        p, x = iter(self.params[: self.split]), F.rms_norm(z, z.shape[1:], eps=1e-8)
        for _ in range(self.split // 2):
            x = F.leaky_relu(dense(x, p, rate=0.01), 0.2)
        return x

    def images(self, styles, noise):
        """Images by one row of styles and one noise image for each layer."""
        p = iter(self.params[self.split :])
        x = next(p).expand(len(noise[0]), -1, -1, -1)
        for layer in range(self.layers):
            if layer and layer % 2 == 0:
                x = blur(conv(F.interpolate(x, scale_factor=2), p, bias=False), self.kernel)
            elif layer:
                x = conv(x, p, bias=False)
            strength, bias = (next(p)[:, None, None] for _ in range(2))
            x = F.instance_norm(F.leaky_relu(x + noise[layer] * strength + bias, 0.2), eps=1e-8)
            scale, shift = dense(styles[layer], p, gain=1.0)[:, :, None, None].chunk(2, 1)
            x = torch.addcmul(shift, x, scale + 1)
        return conv(x, p, gain=1.0)


def discriminator(params, x, kernel):
    p, side = iter(params), x.shape[2]
    x = F.leaky_relu(conv(x, p), 0.2)
    while side > 4:
        x = F.leaky_relu(conv(x, p), 0.2)
        x = F.leaky_relu(F.avg_pool2d(conv(blur(x, kernel), p), 2), 0.2)
        side //= 2
    x = F.leaky_relu(conv(minibatch_stddev(x), p), 0.2)
    return dense(F.leaky_relu(dense(x.flatten(1), p), 0.2), p, gain=1.0)


def to_torch(weights, memory):
    """Keras' weights in torch's layouts; a constant [h, w, c] becomes [1, c, h, w]."""
    found = []
    for w in map(torch.as_tensor, weights):
        if w.ndim == 4:
            w = w.permute(3, 2, 0, 1)
        elif w.ndim == 3:
            w = w.permute(2, 0, 1)[None]
        elif w.ndim == 2:
            w = w.T
        found.append(w.clone(memory_format=memory if w.ndim == 4 else torch.contiguous_format))
    return found


class Loop:
    """The training loop on images that are in memory.

    Args:
        case: has `side`, `batch`, `latent`, `mapping` (layers), `gamma` of R1, `mixing` and `decay` of the
            average.
        data: float32 array `[n, side, side, 3]` in [-1, 1].
        weights: those of generator and discriminator as Keras has them, in the order of the pass.
        device: "cpu" or "cuda".
        precision: "float32", "mixed_float16" or "mixed_bfloat16"; no loss scaling.
        tuned: channels_last memory and fused Adam.
    """

    def __init__(self, case, data, weights, device="cpu", precision="float32", tuned=False):
        memory = torch.channels_last if tuned else torch.contiguous_format
        self.case, self.device = case, device
        self.layers = 2 * (case.side.bit_length() - 2)
        g, self.d = ([w.contiguous().to(device) for w in to_torch(part, memory)] for part in weights)
        if tuned:
            g, self.d = (
                [w.contiguous(memory_format=memory) if w.ndim == 4 else w for w in part]
                for part in (g, self.d)
            )
        flat = self.d[-4]  # the first dense layer reads [h, w, c] in Keras
        self.d[-4] = flat.view(len(flat), 4, 4, -1).permute(0, 3, 1, 2).flatten(1).contiguous()
        for w in itertools.chain(g, self.d):
            w.requires_grad_()
        taps = torch.tensor([0.25, 0.5, 0.25], device=device)
        self.kernel = (taps[:, None] * taps)[None, None]
        self.g = Generator(g, case.mapping, self.layers, self.kernel)
        self.average, self.mean = [w.detach().clone() for w in g], torch.zeros(case.latent, device=device)
        images = torch.as_tensor(data).permute(0, 3, 1, 2)
        self.data = images.contiguous(memory_format=memory).to(device)
        more = {"fused": True} if tuned else {}
        self.g_adam, self.d_adam = (torch.optim.Adam(w, 1e-3, (0.0, 0.99), 1e-8, **more) for w in (g, self.d))
        dtype = {"mixed_float16": torch.float16, "mixed_bfloat16": torch.bfloat16}.get(precision)
        self.autocast = (lambda: torch.autocast(device, dtype)) if dtype else contextlib.nullcontext
        self.sums = torch.zeros(3, device=device)

    def fakes(self, drawn=None):
        """Images of fresh noise, in most batches by the styles of two z; or of given z and noise."""
        n, layers = self.case.batch, self.layers
        if drawn is not None:
            z, noise = drawn
            return self.g.images([self.g.map(z)] * layers, noise)
        w = self.g.map(torch.randn(n, self.case.latent, device=self.device))
        self.mean.lerp_(w.detach().mean(0).float(), 0.005)
        styles = [w] * layers
        if random.random() < self.case.mixing:
            cutoff = random.randint(1, layers - 1)
            other = self.g.map(torch.randn(n, self.case.latent, device=self.device))
            styles[cutoff:] = [other] * (layers - cutoff)
        sides = [4 << layer // 2 for layer in range(layers)]
        return self.g.images(styles, [torch.randn(n, 1, side, side, device=self.device) for side in sides])

    def judge(self, images):
        with self.autocast():
            return discriminator(self.d, images, self.kernel).float()

    def step(self, real, drawn=(None, None)):
        """One update of each network; discriminator loss, generator loss and R1."""
        with torch.no_grad(), self.autocast():
            fake = self.fakes(drawn[0])
        real = real.detach().requires_grad_()
        score = self.judge(real)
        d_loss = F.softplus(-score).mean() + F.softplus(self.judge(fake.float())).mean()
        (slope,) = torch.autograd.grad(score.sum(), real, create_graph=True)
        r1 = 0.5 * self.case.gamma * slope.square().sum((1, 2, 3)).mean()
        self.d_adam.zero_grad()
        (d_loss + r1).backward()
        self.d_adam.step()
        for w in self.d:
            w.requires_grad_(False)
        with self.autocast():
            fake = self.fakes(drawn[1])
        g_loss = F.softplus(-self.judge(fake.float())).mean()
        self.g_adam.zero_grad()
        g_loss.backward()
        self.g_adam.step()
        for w in self.d:
            w.requires_grad_(True)
        with torch.no_grad():
            torch._foreach_lerp_(self.average, self.g.params, 1 - self.case.decay)
        losses = torch.stack([d_loss.detach(), g_loss.detach(), r1.detach()])
        self.sums += losses
        return losses

    def run(self, steps):
        order = torch.randperm(len(self.data), device=self.device)[: steps * self.case.batch]
        for i in range(0, len(order), self.case.batch):
            self.step(self.data[order[i : i + self.case.batch]])
        self.sums.tolist()  # waits for the device

    def losses(self, drawn, steps):
        """Losses of the first steps on the first images, for given `(z, noise images)` of both updates."""
        drawn = [
            (torch.as_tensor(z), [torch.as_tensor(x).permute(0, 3, 1, 2) for x in noise])
            for z, noise in drawn
        ]
        drawn = [(z.to(self.device), [x.to(self.device) for x in noise]) for z, noise in drawn]
        return [self.step(self.data[: self.case.batch], drawn).tolist() for _ in range(steps)]
