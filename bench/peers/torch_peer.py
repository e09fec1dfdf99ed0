# SPDX-License-Identifier: MIT
"""PyTorch through a hand-written loop: its fused Adam, eager and with `torch.compile`.

`Adam(fused=True)` updates all parameters in one call; the plain one, several times slower on small
models, is timed too, because it is what most programs run. The driver raises the allocator's
thresholds by environment: without that PyTorch may give its pages back after each step and spend
a third of it in page faults.
"""
import os
import warnings

import common

torch = None  # imported by setup, after the environment is set


def setup(threads):
    global torch
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")  # its workers would disturb others
    warnings.filterwarnings("ignore")
    import torch as torch_module
    torch = torch_module
    torch.set_num_threads(threads)
    return torch.__version__


def network(bench):
    units, layers = common.widths(bench), []
    for inputs, outputs in zip(units, units[1:]):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def training_step(bench, fused=True, compile=False):
    """step(x, y) that trains once and returns the loss and the outputs."""
    model = network(bench)
    loss_of = torch.nn.CrossEntropyLoss() if common.SPEC[bench][1] else torch.nn.MSELoss()
    adam = torch.optim.Adam(model.parameters(), 1e-3, fused=fused)

    def forward(x, y):
        outputs = model(x)
        return loss_of(outputs, y), outputs
    if compile:
        forward = torch.compile(forward)

    def step(x, y):
        adam.zero_grad()
        loss, outputs = forward(x, y)
        loss.backward()
        adam.step()
        return loss, outputs
    return step


def steps(bench, settings):
    step = training_step(bench, **settings)
    turn = [tuple(map(torch.from_numpy, pair)) for pair in common.batches(bench)]
    at = [0]

    def one():
        at[0] = (at[0] + 1) % len(turn)
        step(*turn[at[0]])
    return common.repeat(one)


def epoch(settings):
    x, y = map(torch.from_numpy, common.mnist())
    step = training_step("mnist_epoch", **settings)

    def one(rows=60000):
        loss, correct = torch.zeros(()), torch.zeros((), dtype=torch.int64)
        order = torch.randperm(len(x))[:rows]
        for picked in order.split(128):
            labels = y[picked]
            batch_loss, outputs = step(x[picked], labels)
            loss += batch_loss.detach() * (len(picked) / rows)
            correct += (outputs.detach().argmax(1) == labels).sum()
        loss.item()  # the mean is a number that a user would look at
        return {"accuracy": round(correct.item() / rows, 4)}
    one(128 * 20 + 96)  # both batch sizes compiled
    return common.once(one)


def predict(how):
    model = network("tiny_predict").eval()
    row = torch.from_numpy(common.data("tiny_predict", 1)[0])
    if how == "scripted and frozen":
        model = torch.jit.freeze(torch.jit.script(model))
    elif how == "compile":
        model = torch.compile(model)
    guard = torch.no_grad if how == "compile" else torch.inference_mode
    with guard():
        model(row)

    def sampler(seconds):
        with guard():
            return measured(seconds)
    with guard():
        measured = common.repeat(lambda: model(row))
    return sampler


def cases():
    variants = {
        "eager": {"fused": False},
        "eager, fused Adam": {},
        "compile, fused Adam": {"compile": True},
    }
    table = {}
    for variant, settings in variants.items():
        for bench in ("tiny_b32", "tiny_b1", "mlp_b128"):
            table[bench, variant] = lambda b=bench, s=settings: steps(b, s)
        if settings.get("fused", True):
            table["mnist_epoch", variant] = lambda s=settings: epoch(s)
    for how in ("model(x)", "scripted and frozen", "compile"):
        table["tiny_predict", how] = lambda h=how: predict(h)
    return table


def first_step():
    training_step("tiny_b32")(*map(torch.from_numpy, common.batches("tiny_b32", 1)[0]))


if __name__ == "__main__":
    common.main("pytorch", setup, cases, first_step)
