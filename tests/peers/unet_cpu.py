#!/usr/bin/env python3
"""The network of src/network/unet.h on the CPU, dmsq's beside PyTorch's in one run: a training step of 64
configurations and a step of the sampler, 32x32, width 32, stride 2.

Each round times all of them in turn, and what counts are medians over rounds, of the times and of the ratios to ours
with direct convolutions: machines are noisy. PyTorch runs eager and compiled, in float32 and with bfloat16 autocast;
dmsq in float32, directly and with Winograd's convolutions, and with bfloat16 factors. Where other programs use the
cores, --threads=1 --processor-time compares the processor time of one thread. Optional: nothing depends on it. Needs
torch and a C++ compiler.

Usage: unet_cpu.py [--threads=N] [--rounds=N] [--processor-time] [--output=FILE.tsv]   after `make build/bin/bench`
"""
import argparse
import os
import platform
import statistics
import subprocess
import sys
import time

import torch

from torch_unet import BATCH, Unet, flop, noise

STRIDE, L, MICRO_BATCH = 2, 32, 8
CALLS = 3  # of the sampler, one after the other; dmsq takes their configurations together, in batches of its own size
STEPS = {"training": 2, "sampler": 16}  # in one timing


class Ours:
    def __init__(self, convolutions, threads, processor_time):
        self.processor_time = processor_time
        command = [os.path.join(os.environ.get("BUILD", "build"), "bin", "bench"), f"--threads={threads}",
                   f"--peer={convolutions}"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, what):
        try:
            self.process.stdin.write(f"{what} {STEPS[what]}\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            sys.exit(f"unet_cpu.py: {' '.join(self.process.args)} ended early, expected the program of this version")
        return float(line.split()[self.processor_time])


class Theirs:
    def __init__(self, wrap, bfloat16, threads, processor_time):
        self.clock = time.process_time if processor_time else time.perf_counter
        self.net = Unet(STRIDE).to(memory_format=torch.channels_last)
        self.call = wrap(self.net)
        self.bfloat16 = bfloat16
        self.adam = torch.optim.Adam(self.net.parameters(), 1e-3, fused=True)
        self.fields = torch.randn(BATCH, 1, L, L).to(memory_format=torch.channels_last)
        self.count = MICRO_BATCH * threads

    def score(self, x, t):
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            return self.call(x, t).float()

    def training(self):
        t = torch.rand(BATCH) * (1 - 1e-5) + 1e-5
        z = torch.randn_like(self.fields)
        x = self.fields + noise(t)[:, None, None, None] * z
        loss = ((self.score(x, t) + z) ** 2).sum((1, 2, 3)).mean()
        self.adam.zero_grad(set_to_none=True)
        loss.backward()
        self.adam.step()

    @torch.no_grad()
    def sampler(self):
        x = torch.randn(self.count, 1, L, L).to(memory_format=torch.channels_last)
        t = torch.full((self.count,), 0.5)
        for _ in range(STEPS["sampler"]):
            x = x + 0.01 * self.score(x, t) + 0.1 * torch.randn_like(x)

    def __call__(self, what):
        start = self.clock()
        if what == "training":
            for _ in range(STEPS[what]):
                self.training()
        else:
            for _ in range(CALLS):
                self.sampler()
        return self.clock() - start


def processor():
    with open("/proc/cpuinfo") as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return names[0] if names else platform.machine()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--processor-time", action="store_true")
    parser.add_argument("--output")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    eager, compiled = (lambda f: f), torch.compile
    sides = {name: Ours(how, options.threads, options.processor_time)
             for name, how in (("dmsq", "direct"), ("dmsq, Winograd", "winograd"),
                               ("dmsq, bfloat16", "bfloat16"))}
    for name, wrap, bfloat16 in (("eager", eager, False), ("compiled", compiled, False),
                                 ("eager, bfloat16", eager, True), ("compiled, bfloat16", compiled, True)):
        sides[f"PyTorch {name}"] = Theirs(wrap, bfloat16, options.threads, options.processor_time)
    clock = "processor" if options.processor_time else "wall"
    rows = ["processor\tthreads\ttime\tPyTorch\twhat\twho\tms a step\tGFLOP/s\ttimes ours"]
    for what, steps in STEPS.items():
        for _ in range(2):  # compiles, and warms up
            for side in sides.values():
                side(what)
        times = {name: [] for name in sides}
        for _ in range(options.rounds):
            for name, side in sides.items():
                times[name].append(side(what) / steps / (CALLS if what == "sampler" else 1))
        work = 3 * BATCH if what == "training" else MICRO_BATCH * options.threads
        for name, own in times.items():
            ratio = statistics.median(a / b for a, b in zip(own, times["dmsq"]))
            seconds = statistics.median(own)
            rows.append(f"{processor()}\t{options.threads}\t{clock}\t{torch.__version__}\t{what}\t{name}\t"
                        f"{1e3 * seconds:.1f}\t{1e-9 * work * flop(STRIDE, L) / seconds:.1f}\t{ratio:.2f}")
            print(rows[-1], flush=True)
    for side in sides.values():
        if isinstance(side, Ours):
            side.process.stdin.close()
    if options.output:
        with open(options.output, "w") as file:
            file.write("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
