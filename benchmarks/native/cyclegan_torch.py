"""CycleGAN in plain PyTorch: `nn.Module`s in NCHW, `.backward()`, `optim.Adam`, a pool in Python."""

import itertools
import random

import torch
import torch.nn.functional as F
from torch import nn


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        layers = [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), nn.InstanceNorm2d(width)]
        again = [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), nn.InstanceNorm2d(width)]
        self.layers = nn.Sequential(*layers, nn.ReLU(), *again)

    def forward(self, x):
        return x + self.layers(x)


def make_generator(width, blocks):
    w = width
    layers = [nn.ReflectionPad2d(3), nn.Conv2d(3, w, 7), nn.InstanceNorm2d(w), nn.ReLU()]
    for before, after in ((w, 2 * w), (2 * w, 4 * w)):
        layers += [nn.Conv2d(before, after, 3, 2, 1), nn.InstanceNorm2d(after), nn.ReLU()]
    layers += [Residual(4 * w) for _ in range(blocks)]
    for before, after in ((4 * w, 2 * w), (2 * w, w)):
        up = nn.ConvTranspose2d(before, after, 3, 2, 1, output_padding=1)
        layers += [up, nn.InstanceNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(w, 3, 7), nn.Tanh())


def make_discriminator(width, stages):
    widths = [width * min(2**i, 8) for i in range(stages + 1)]
    layers = [nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2)]
    for i, (before, after) in enumerate(itertools.pairwise(widths), 1):
        stride = 2 if i < stages else 1
        layers += [nn.Conv2d(before, after, 4, stride, 1), nn.InstanceNorm2d(after), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, 1, 1))


def copy_weights(module, keras_weights):
    """Keras' kernels and biases into an NCHW module: the same network."""
    weights = iter(keras_weights)
    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                layer.weight.copy_(torch.as_tensor(next(weights)).permute(3, 2, 0, 1))
                layer.bias.copy_(torch.as_tensor(next(weights)))


class Pool:
    def __init__(self, capacity=50):
        self.images, self.capacity = [], capacity

    def query(self, fakes):
        found = []
        for fake in fakes:
            if len(self.images) < self.capacity:
                self.images.append(fake)
                found.append(fake)
            elif random.random() < 0.5:
                found.append(fake)
            else:
                place = random.randrange(self.capacity)
                found.append(self.images[place])
                self.images[place] = fake
        return torch.stack(found)


class Loop:
    """The training loop on images that are in memory.

    Args:
        case: has `width`, `blocks`, `stages` and `batch`.
        data: images of A and of B, float32 `[n, height, width, 3]` in [-1, 1].
        weights: the weights of both generators and both discriminators as Keras lists them.
        device: "cpu" or "cuda".
        tuned: channels_last memory and fused Adam.
    """

    def __init__(self, case, data, weights, device="cpu", tuned=False):
        made = [make_generator(case.width, case.blocks) for _ in range(2)]
        made += [make_discriminator(case.width, case.stages) for _ in range(2)]
        memory = torch.channels_last if tuned else torch.contiguous_format
        for module, values in zip(made, weights, strict=True):
            copy_weights(module, values)
            module.to(device, memory_format=memory)
        self.ab, self.ba, self.judge_a, self.judge_b = made
        self.data = [torch.as_tensor(x).permute(0, 3, 1, 2).contiguous(memory_format=memory) for x in data]
        self.data = [x.to(device) for x in self.data]
        more = {"fused": True} if tuned else {}
        self.g_adam, self.d_adam = (
            torch.optim.Adam(itertools.chain(*(m.parameters() for m in pair)), 2e-4, (0.5, 0.999), **more)
            for pair in (made[:2], made[2:])
        )
        self.judges = nn.ModuleList(made[2:])
        self.pool_a, self.pool_b = Pool(), Pool()
        self.batch, self.device = case.batch, device
        self.sums = torch.zeros(2, device=device)

    def step(self, a, b):
        fake_b, fake_a = self.ab(a), self.ba(b)
        self.judges.requires_grad_(False)
        g_loss = (self.judge_a(fake_a) - 1).square().mean() + (self.judge_b(fake_b) - 1).square().mean()
        g_loss = g_loss + 10 * (F.l1_loss(self.ba(fake_b), a) + F.l1_loss(self.ab(fake_a), b))
        g_loss = g_loss + 5 * (F.l1_loss(self.ab(b), b) + F.l1_loss(self.ba(a), a))
        self.g_adam.zero_grad()
        g_loss.backward()
        self.g_adam.step()
        self.judges.requires_grad_(True)
        d_loss = 0.0
        for judge, real, fake, pool in (
            (self.judge_a, a, fake_a, self.pool_a),
            (self.judge_b, b, fake_b, self.pool_b),
        ):
            old = judge(pool.query(fake.detach()))
            d_loss = d_loss + 0.5 * ((judge(real) - 1).square().mean() + old.square().mean())
        self.d_adam.zero_grad()
        d_loss.backward()
        self.d_adam.step()
        losses = torch.stack([d_loss.detach(), g_loss.detach()])
        self.sums += losses
        return losses

    def run(self, steps):
        orders = [torch.randperm(steps * self.batch, device=self.device) for _ in range(2)]
        for i in range(0, steps * self.batch, self.batch):
            self.step(*(x[order[i : i + self.batch]] for x, order in zip(self.data, orders)))
        self.sums.tolist()  # waits for the device

    def losses(self, steps):
        """(discriminator loss, generator loss) of the first steps on the first images."""
        return [self.step(*(x[: self.batch] for x in self.data)).tolist() for _ in range(steps)]
