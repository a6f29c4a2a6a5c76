#!/usr/bin/env python3
"""The network of src/network/unet.h in PyTorch, eager and compiled with CUDA graphs: the peer of tests/gpu/bench.c.

Prints the same rows: backend, stride, L, what, value, unit, TFLOP/s. Same shapes, batch and precision (TF32; bfloat16
by autocast for the sampler). Optional: nothing depends on it. Usage: torch_unet.py [--short]
"""
import math
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

SIGMA, BATCH, WIDTH = 25.0, 64, 32


class Unet(nn.Module):
    def __init__(self, stride):
        super().__init__()
        self.stride, w = stride, WIDTH
        self.register_buffer("frequencies", 30 * torch.randn(128))
        self.embed = nn.Linear(256, 256)
        down, up = [1, w, 2 * w, 4 * w, 8 * w], [8 * w, 4 * w, 2 * w, w, 1]
        self.conv = nn.ModuleList(
            nn.Conv2d(down[i], down[i + 1], 3, 1 if i == 0 else stride, bias=False) for i in range(4))
        self.tconv = nn.ModuleList(
            nn.ConvTranspose2d(up[i] * (1 if i == 0 else 2), up[i + 1], 3, 1 if i == 3 else stride, bias=i == 3)
            for i in range(4))
        channels = down[1:] + up[1:4]
        self.dense = nn.ModuleList(nn.Linear(256, c) for c in channels)
        self.norm = nn.ModuleList(nn.GroupNorm(4 if i == 0 else min(32, c), c) for i, c in enumerate(channels))

    def level(self, i, y, e):
        return F.silu(self.norm[i](y + self.dense[i](e)[:, :, None, None]))

    def down(self, i, x):
        one = i == 0 or self.stride == 1
        return self.conv[i](F.pad(x, (1, 1 if one else 0, 1, 1 if one else 0), mode="circular"))

    def up(self, i, x):
        """The adjoint of the periodic convolution: the halo is added to the interior."""
        y = self.tconv[i](x)
        one = i == 3 or self.stride == 1
        h, w = (y.shape[2] - 2, y.shape[3] - 2) if one else (y.shape[2] - 1, y.shape[3] - 1)
        inner = y[:, :, 1:h + 1].clone()
        inner[:, :, h - 1] += y[:, :, 0]
        if one:
            inner[:, :, 0] += y[:, :, h + 1]
        out = inner[:, :, :, 1:w + 1].clone()
        out[:, :, :, w - 1] += inner[:, :, :, 0]
        if one:
            out[:, :, :, 0] += inner[:, :, :, w + 1]
        return out

    def forward(self, x, t):
        angle = 2 * math.pi * t[:, None] * self.frequencies
        e = F.silu(self.embed(torch.cat([angle.sin(), angle.cos()], 1)))
        h = [self.level(0, self.down(0, x), e)]
        for i in range(1, 4):
            h.append(self.level(i, self.down(i, h[-1]), e))
        u = h[3]
        for i in range(3):
            u = self.level(4 + i, self.up(i, u if i == 0 else torch.cat([u, h[3 - i]], 1)), e)
        return self.up(3, torch.cat([u, h[0]], 1))


def noise(t):
    return torch.sqrt((SIGMA ** (2 * t) - 1) / (2 * math.log(SIGMA)))


def flop(stride, L):
    w = WIDTH
    total = 18 * L * L * 3 * w
    shapes = [(w, 2 * w), (2 * w, 4 * w), (4 * w, 8 * w), (4 * w, 8 * w), (2 * w, 8 * w), (w, 4 * w)]
    for k, (wide, narrow) in enumerate(shapes):
        side = L // stride ** (k + 1 if k < 3 else 6 - k)
        total += 18 * wide * narrow * side * side
    return total


def best(run, repeats=4):
    run()
    times = []
    for _ in range(repeats):
        torch.cuda.synchronize()
        start = time.perf_counter()
        run()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return min(times)


def row(name, stride, L, what, value, unit, work, seconds):
    print(f"{name:12}\t{stride}\t{L:2}\t{what:26}\t{value:9.4g}\t{unit:18}\t{work / seconds / 1e12:7.2f}\t", flush=True)


def training(name, stride, L, steps, wrap):
    net = Unet(stride).cuda().to(memory_format=torch.channels_last)
    call = wrap(net)
    adam = torch.optim.Adam(net.parameters(), 1e-3, fused=True)
    fields = torch.randn(BATCH, 1, L, L, device="cuda")

    def run():
        for _ in range(steps):
            t = torch.rand(BATCH, device="cuda") * (1 - 1e-5) + 1e-5
            z = torch.randn_like(fields)
            x = fields + noise(t)[:, None, None, None] * z
            loss = ((call(x, t) + z) ** 2).sum((1, 2, 3)).mean()
            adam.zero_grad(set_to_none=True)
            loss.backward()
            adam.step()

    seconds = best(run)
    row(name, stride, L, "training, an epoch", seconds * 80 / steps, "s", 3 * flop(stride, L) * steps * BATCH, seconds)


@torch.no_grad()
def sampler(name, stride, L, steps, wrap, half):
    net = Unet(stride).cuda().to(memory_format=torch.channels_last)
    call = wrap(net)
    count = 2 ** 18 // (L * L)
    t = torch.full((count,), 0.5, device="cuda")

    def run():
        x = torch.randn(count, 1, L, L, device="cuda")
        for _ in range(steps):
            with torch.autocast("cuda", torch.bfloat16, enabled=half):
                score = call(x, t)
            x = x + 0.01 * score.float() + 0.1 * torch.randn_like(x)

    seconds = best(run)
    row(name, stride, L, "sampler, 500 steps", count * steps / 500 / seconds, "configurations/s",
        flop(stride, L) * steps * count, seconds)


def main():
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    brief = "--short" in sys.argv
    eager, compiled = (lambda f: f), (lambda f: torch.compile(f, mode="reduce-overhead"))
    for name, wrap in (("torch-eager", eager), ("torch-graphs", compiled)):
        for stride in (1, 2):
            for L in (32,) if brief else (32, 16, 64):
                try:
                    training(name, stride, L, 10, wrap)
                    if L == 32:
                        sampler(name, stride, L, 20, wrap, False)
                        sampler(name + "-bf16", stride, L, 20, wrap, True)
                except Exception as error:  # an error of PyTorch is not a failure of the check
                    print(f"{name}: stride {stride}, L = {L}: {error}", flush=True)


if __name__ == "__main__":
    main()
