# SPDX-License-Identifier: MIT
"""The peers of the logging bench: what writes and what loads TensorBoard logs elsewhere.

    logs_peer.py write tensorflow|pytorch|tensorboardx N      N scalars into a folder of its own
    logs_peer.py load server|accumulator FOLDER               a log directory; for the accumulator one run

Prints one JSON line: what, who, seconds, and per scalar us (write), or mb and points (load). Each
runs in the virtual environment that has its package; bench/logs.py knows which.
"""
import json
import os
import re
import resource
import select
import shutil
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def write_tensorflow(folder, n):
    import tensorflow as tf
    writer = tf.summary.create_file_writer(folder)
    with writer.as_default():
        start = time.perf_counter()
        for i in range(n):
            tf.summary.scalar("train/loss", 0.5, step=i)
        writer.flush()
        return time.perf_counter() - start


def write_by(writer, n):
    start = time.perf_counter()
    for i in range(n):
        writer.add_scalar("train/loss", 0.5, i)
    writer.flush()
    seconds = time.perf_counter() - start
    writer.close()
    return seconds


def write(who, n):
    folder = tempfile.mkdtemp()
    try:
        if who == "tensorflow":
            seconds = write_tensorflow(folder, n)
        elif who == "pytorch":
            from torch.utils.tensorboard import SummaryWriter
            seconds = write_by(SummaryWriter(folder), n)
        else:
            from tensorboardX import SummaryWriter
            seconds = write_by(SummaryWriter(folder), n)
    finally:
        shutil.rmtree(folder)
    return {"what": "write", "who": who, "seconds": seconds, "us": seconds / n * 1e6}


def load_server(folder):
    """TensorBoard's data server, which keeps a sample of 1,000 points a tag unless told otherwise."""
    import tensorboard_data_server
    command = [tensorboard_data_server.server_binary(), "--logdir", folder, "--port", "0", "--die-after-stdin",
               "--reload", "once", "-vv"]
    start = time.perf_counter()
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, bufsize=0)
    said = b""
    while b"inished load cycle" not in said and time.perf_counter() - start < 300:
        if select.select([server.stderr], [], [], 1)[0]:
            piece = os.read(server.stderr.fileno(), 65536)
            said += piece
            if not piece:
                break
    seconds = time.perf_counter() - start
    with open(f"/proc/{server.pid}/status") as file:
        peak = int(re.search(r"VmHWM:\s+(\d+)", file.read())[1]) / 1024
    server.stdin.close()
    server.kill()
    server.wait()
    return {"what": "load", "who": "server", "seconds": seconds, "mb": peak}


def load_accumulator(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    start = time.perf_counter()
    log = EventAccumulator(folder, size_guidance={"scalars": 0})
    log.Reload()
    points = sum(len(log.Scalars(tag)) for tag in log.Tags()["scalars"])
    return {"what": "load", "who": "accumulator", "seconds": time.perf_counter() - start, "points": points,
            "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    what, who, of = sys.argv[1:]
    if what == "write":
        row = write(who, int(of))
    else:
        row = load_server(of) if who == "server" else load_accumulator(of)
    print(json.dumps(row))


if __name__ == "__main__":
    main()
