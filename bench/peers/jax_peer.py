# SPDX-License-Identifier: MIT
"""JAX with optax's Adam: the step jitted with donated state, and many steps in one `lax.scan`.

A scan keeps the interpreter out of the loop altogether: the fastest that JAX can train on a CPU,
for programs whose batches are known beforehand. Data that a step needs lies on the device already.
"""
import os

import numpy as np

import common

jax = jnp = optax = None  # imported by setup, after the environment is set
UNROLL = 4  # steps a turn of a scan; 1 and 16 are up to a half slower on tiny


def setup(threads):
    global jax, jnp, optax
    os.environ["JAX_PLATFORMS"] = "cpu"
    if threads == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    import jax as jax_module
    import jax.numpy
    import optax as optax_module
    jax, jnp, optax = jax_module, jax_module.numpy, optax_module
    return jax.__version__


def parameters(bench):
    """[(kernel, bias)] of each layer, He-normal kernels."""
    random, units = np.random.default_rng(0), common.widths(bench)
    return [(jnp.asarray(random.standard_normal((a, b), dtype=np.float32) * (2 / a) ** 0.5),
             jnp.zeros(b, jnp.float32)) for a, b in zip(units, units[1:])]


def network(layers, x):
    for kernel, bias in layers[:-1]:
        x = jax.nn.relu(x @ kernel + bias)
    kernel, bias = layers[-1]
    return x @ kernel + bias


def training_step(bench):
    """A pure step((parameters, state), (x, y)) -> the same pair, (loss, correct); and its start."""
    adam = optax.adam(1e-3)
    classes = common.SPEC[bench][1]

    def loss_of(p, x, y):
        outputs = network(p, x)
        if classes:
            loss = optax.softmax_cross_entropy_with_integer_labels(outputs, y).mean()
            return loss, (outputs.argmax(1) == y).sum()
        return ((outputs - y) ** 2).mean(), jnp.zeros((), jnp.int32)

    def step(carry, batch):
        p, state = carry
        (loss, correct), gradient = jax.value_and_grad(loss_of, has_aux=True)(p, *batch)
        update, state = adam.update(gradient, state, p)
        return (optax.apply_updates(p, update), state), (loss, correct)

    p = parameters(bench)
    return step, (p, adam.init(p))


def on_device(bench, x, y):
    return jnp.asarray(x), jnp.asarray(y.astype(np.int32) if common.SPEC[bench][1] else y)


def steps(bench):
    step, carry = training_step(bench)
    jitted = jax.jit(lambda carry, batch: step(carry, batch)[0], donate_argnums=0)
    turn = [on_device(bench, x, y) for x, y in common.batches(bench)]
    box = [carry, 0]

    def one():
        box[1] = (box[1] + 1) % len(turn)
        box[0] = jitted(box[0], turn[box[1]])
    return common.repeat(one, lambda: jax.block_until_ready(box[0]))


def scanned(bench):
    count = 8 if bench == "mlp_b128" else 512
    step, carry = training_step(bench)
    many = jax.jit(lambda carry, stack: jax.lax.scan(step, carry, stack, unroll=UNROLL)[0],
                   donate_argnums=0)
    pairs = common.batches(bench, count)
    stack = on_device(bench, np.stack([x for x, _ in pairs]), np.stack([y for _, y in pairs]))
    box = [carry]

    def one():
        box[0] = many(box[0], stack)
    return common.repeat(one, lambda: jax.block_until_ready(box[0]), steps=count)


def epoch(scan):
    x, y = on_device("mnist_epoch", *common.mnist())
    step, carry = training_step("mnist_epoch")
    full = len(x) // 128 * 128

    def picked_step(carry, picked, x, y):
        return step(carry, (x[picked], y[picked]))

    def scanned_epoch(carry, order, x, y):
        carry, (loss, correct) = jax.lax.scan(
            lambda c, picked: picked_step(c, picked, x, y), carry, order, unroll=UNROLL)
        return carry, (loss.sum() * 128, correct.sum())
    by_step = jax.jit(picked_step, donate_argnums=0)
    by_epoch = jax.jit(scanned_epoch, donate_argnums=0)
    random, box = np.random.default_rng(2), [carry]

    def one():
        order = random.permutation(len(x)).astype(np.int32)
        loss = correct = jnp.zeros(())
        if scan:
            box[0], (loss, correct) = by_epoch(box[0], order[:full].reshape(-1, 128), x, y)
        else:
            for i in range(0, full, 128):
                box[0], (batch_loss, right) = by_step(box[0], order[i:i + 128], x, y)
                loss, correct = loss + batch_loss * 128, correct + right
        box[0], (batch_loss, right) = by_step(box[0], order[full:], x, y)
        loss, correct = loss + batch_loss * (len(x) - full), correct + right
        jax.block_until_ready((box[0], loss, correct))
        return {"accuracy": round(float(correct) / len(x), 4)}
    one()
    return common.once(one)


def predict(ahead):
    p, call = parameters("tiny_predict"), jax.jit(network)
    row = jnp.asarray(common.data("tiny_predict", 1)[0])
    if ahead:
        call = call.lower(p, row).compile()
    return common.repeat(lambda: call(p, row).block_until_ready())


def cases():
    table = {}
    for bench in ("tiny_b32", "tiny_b1", "mlp_b128"):
        table[bench, "jit"] = lambda b=bench: steps(b)
        table[bench, "jit, scan over steps"] = lambda b=bench: scanned(b)
    table["mnist_epoch", "jit"] = lambda: epoch(False)
    table["mnist_epoch", "jit, scan over steps"] = lambda: epoch(True)
    table["tiny_predict", "jit"] = lambda: predict(False)
    table["tiny_predict", "compiled ahead"] = lambda: predict(True)
    return table


def first_step():
    step, carry = training_step("tiny_b32")
    batch = on_device("tiny_b32", *common.batches("tiny_b32", 1)[0])
    jax.block_until_ready(jax.jit(step)(carry, batch))


if __name__ == "__main__":
    common.main("jax", setup, cases, first_step)
