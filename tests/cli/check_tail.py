#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`keratin events tail`: the frame, the screen of a terminal, plain lines of a log that grows.

usage: tests/cli/check_tail.py KERATIN WRITE_LOGS [TEST...]

The terminal is a pseudo terminal; a small interpreter of its control sequences keeps what a user would see.
"""
import fcntl
import math
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

import logs

KERATIN, WRITE_LOGS = (os.path.abspath(path) for path in sys.argv[1:3])
ENVIRONMENT = dict(os.environ, TZ="UTC", LC_ALL="C.UTF-8", TERM="xterm")
for name in ("COLUMNS", "LINES"):
    ENVIRONMENT.pop(name, None)

FRAME = """\
logs | 2 runs, 2 tags | last point 12:27:00 | smoothing 0.6
                                           last   smoothed        min        max
accuracy                                                       step 3, 1 steps/s
  train       #######_______xxxxxxxx        NaN        NaN       0.25        0.5

loss                                                          step 19, 1 steps/s
  train       -:....________________       0.05    0.05492       0.05          1
  validation  #+-:::..._____________        0.1     0.1098        0.1          2
"""


def smoothed(values, weight):
    """TensorBoard's formula, for values that are not all equal."""
    last, n, out = 0.0, 0, []
    for x in values:
        if math.isfinite(x):
            last, n = last * weight + (1 - weight) * x, n + 1
            out.append(last / (1 - weight**n))
        else:
            out.append(x)
    return out


class Screen:
    """What a terminal shows: rows of characters; knows the sequences that the command uses."""

    def __init__(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.cells, self.y, self.x = [[" "] * columns for _ in range(rows)], 0, 0
        self.other, self.cursor, self.rest, self.unknown = False, True, "", []

    def feed(self, text):
        text = self.rest + text
        self.rest = ""
        i = 0
        while i < len(text):
            if text[i] == "\x1b":
                match = re.compile(r"\x1b\[(\??\d*)([A-Za-z])").match(text, i)
                if not match:
                    self.rest = text[i:]
                    return
                self.command(match[1], match[2])
                i = match.end()
                continue
            if text[i] == "\n":
                self.y += 1
                if self.y == self.rows:
                    self.unknown.append("scrolled")
                    self.y -= 1
            elif text[i] == "\r":
                self.x = 0
            else:
                if self.x < self.columns:
                    self.cells[self.y][self.x] = text[i]
                else:
                    self.unknown.append("too wide")
                self.x += 1
            i += 1

    def command(self, argument, letter):
        if (argument, letter) in (("?1049", "h"), ("?1049", "l")):
            self.other = letter == "h"
        elif (argument, letter) in (("?25", "h"), ("?25", "l")):
            self.cursor = letter == "h"
        elif letter == "H" and not argument:
            self.y = self.x = 0
        elif letter == "K" and not argument:
            self.cells[self.y][self.x:] = [" "] * (self.columns - self.x)
        elif letter == "J":
            for y in range(0 if argument == "2" else self.y + 1, self.rows):
                self.cells[y] = [" "] * self.columns
        elif letter != "m":
            self.unknown.append(argument + letter)

    def text(self):
        return "\n".join("".join(row).rstrip() for row in self.cells)


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="keratin-tail-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.log = os.path.join(self.folder, "logs")
        signal.alarm(120)  # what waits for a line that never comes ends here
        self.addCleanup(signal.alarm, 0)

    def tail(self, *arguments, **more):
        done = subprocess.run([KERATIN, "events", "tail", "logs", *arguments], cwd=self.folder, capture_output=True,
                              timeout=60, env=dict(ENVIRONMENT, **more))
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        return done.stdout.decode()

    def write(self, *records, run="train", name="events.out.tfevents.1600000000.host.1.0.v2"):
        return logs.write(os.path.join(self.log, run), logs.version(), *records, name=name)


class Once(Case):
    def test_frame(self):
        self.write(*logs.curve("loss", [1 / (1 + i) for i in range(20)]),
                   *logs.curve("accuracy", [0.5, 0.25, math.nan, math.nan], wall=1.6e9 + 17))
        self.write(*logs.curve("loss", [2 / (1 + i) for i in range(20)], wall=1.6e9 + 1), run="validation")
        self.assertEqual(self.tail("--once", "--ascii"), FRAME)
        blocks = self.tail("--once")
        for letter, block in zip("_.:-=+*#x", "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588\u00d7"):
            blocks = re.sub(r"(?m)(?<=^  .{12}).{22}", lambda curve: curve[0].replace(block, letter), blocks)
        self.assertEqual(blocks.replace(" \u00b7 ", " | "), FRAME)

    def test_smoothing(self):
        values = [1.0, 0.25, math.inf, 0.5, 0.125, 3.0]
        self.write(*logs.curve("loss", values))
        for weight in (0, 0.6, 0.9):
            row = self.tail("--once", "--ascii", "--smoothing", str(weight)).splitlines()[-1]
            last, smooth, least, most = row.split()[-4:]
            self.assertEqual((last, least, most), ("3", "0.125", "3"))
            self.assertEqual(smooth, "%.4g" % smoothed(values, weight)[-1])

    def test_constant_is_not_smoothed(self):
        self.write(*logs.curve("loss", [0.1] * 7))
        self.assertEqual(self.tail("--once", "--ascii").splitlines()[-1].split()[-3:], ["0.1"] * 3)

    def test_common_scales(self):
        """Validation is twice as high and has half of the steps: its curve begins and ends where its steps do."""
        self.write(*logs.curve("loss", range(21)))
        self.write(*logs.curve("loss", range(0, 22, 2)), run="validation")
        *_, train, validation = self.tail("--once", "--ascii", "--smoothing", "0").splitlines()
        begin = train.index("_")
        end = train.index(" ", begin)
        self.assertEqual(train[end - 1], "#")
        self.assertEqual(validation[begin], "_")
        middle = begin + int((end - begin - 1) / 2 + 0.5)
        self.assertEqual((validation[middle], validation[middle + 1:end].strip()), ("#", ""))
        self.assertIn(train[middle], "-=")

    def test_utf8_or_ascii(self):
        self.write(*logs.curve("verl\u00fcst", [1, 2, math.nan, 3]))
        for locale, ascii_only in (("C.UTF-8", False), ("C", True)):
            frame = self.tail("--once", LC_ALL=locale)
            self.assertEqual(frame.isascii(), ascii_only)
        self.assertIn("verl?st", frame)

    def test_narrow_and_wide(self):
        self.write(*logs.curve("a/very/long/tag/" + "x" * 90, [1, 2]), run="a/long/name/of/a/run/" + "y" * 60)
        for columns in (10, 20, 33, 50, 80, 200, 500):
            for line in self.tail("--once", COLUMNS=str(columns)).splitlines():
                self.assertLessEqual(len(line), columns, (columns, line))

    def test_empty(self):
        os.makedirs(self.log)
        self.assertIn("no scalars yet", self.tail("--once"))

    def test_restarted_run(self):
        """As in TensorBoard, a point removes those with its step and later ones."""
        self.write(*logs.curve("loss", [5, 9, 0]), *logs.curve("loss", [3, 4], wall=1.6e9 + 9, first=1))
        self.assertEqual(self.tail("--once").splitlines()[-1].split()[-2:], ["3", "5"])


class Lines(Case):
    def start(self, *arguments):
        process = subprocess.Popen([KERATIN, "events", "tail", "logs", *arguments], cwd=self.folder, env=ENVIRONMENT,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_new_points(self):
        self.write(*logs.curve("loss", range(30)))
        process = self.start("--lines", "2")
        lines = [process.stdout.readline().decode() for _ in range(2)]
        self.assertEqual(lines, ["2020-09-13 12:27:0%d  train  loss  step %d  %d\n" % (i, i + 20, i + 20) for i in (8, 9)])
        subprocess.run([WRITE_LOGS, os.path.join(self.log, "live"), "live", "5"], check=True)
        lines = [process.stdout.readline().decode().split() for _ in range(5)]
        self.assertEqual([line[2:6] for line in lines], [["live", "loss", "step", str(i)] for i in range(5)])
        process.send_signal(signal.SIGTERM)
        rest, err = process.communicate(timeout=10)
        self.assertEqual((process.returncode, rest, err), (0, b"", b""))

    def test_ends_by_itself(self):
        self.write(*logs.curve("x\x1b[2J", [1]))
        begun = time.monotonic()
        out = self.tail("--for", "0.5")
        self.assertTrue(0.4 < time.monotonic() - begun < 10)
        self.assertNotIn("\x1b", out)
        self.assertEqual(len(out.splitlines()), 1)


class Terminal(Case):
    def start(self, rows=24, columns=80, arguments=()):
        self.control, terminal = pty.openpty()
        self.addCleanup(os.close, self.control)
        self.resize(rows, columns)
        self.screen = Screen(rows, columns)
        self.before = termios.tcgetattr(terminal)
        self.process = subprocess.Popen([KERATIN, "events", "tail", "logs", *arguments], cwd=self.folder, env=ENVIRONMENT,
                                        stdin=terminal, stdout=terminal, stderr=subprocess.PIPE, process_group=0)
        self.addCleanup(self.process.stderr.close)
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.kill)
        self.addCleanup(os.close, terminal)
        self.terminal = terminal
        self.frames = 0

    def resize(self, rows, columns):
        fcntl.ioctl(self.control, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def wait(self, condition, seconds=10):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, self.screen.text())
            if select.select([self.control], [], [], 0.05)[0]:
                data = os.read(self.control, 65536).decode("utf-8", "replace")
                self.frames += data.count("\x1b[H")
                self.screen.feed(data)

    def ended(self):
        self.process.wait(10)
        self.wait(lambda: not self.screen.other, 5)
        self.assertEqual(self.process.returncode, 0)
        self.assertTrue(self.screen.cursor)
        self.assertEqual(termios.tcgetattr(self.terminal), self.before)
        self.assertEqual(self.screen.unknown, [])

    def test_live(self):
        self.write(*logs.curve("loss", [3, 2, 1]))
        self.start()
        self.wait(lambda: "q quits" in self.screen.text())
        self.assertTrue(self.screen.other and not self.screen.cursor)
        self.assertFalse(termios.tcgetattr(self.terminal)[3] & (termios.ECHO | termios.ICANON))
        self.assertIn("step 2", self.screen.text())
        self.frames = 0
        begun = time.monotonic()
        subprocess.run([WRITE_LOGS, os.path.join(self.log, "live"), "live", "30"], check=True)
        self.wait(lambda: "step 29" in self.screen.text())
        self.assertLessEqual(self.frames, 5 * (time.monotonic() - begun) + 2)
        self.assertRegex(self.screen.text(), r"(?m)^  live .*[\u2581-\u2588]{10}")
        self.assertEqual(len(self.screen.text().splitlines()), 24)
        os.write(self.control, b"q")
        self.ended()

    def test_scrolling_and_size(self):
        self.write(*(record for i in range(20) for record in logs.curve("tag%02d" % i, [1, 2])))
        self.start()
        self.wait(lambda: "lines 1 to 21 of 59" in self.screen.text())
        os.write(self.control, b"j")
        self.wait(lambda: "lines 2 to 22 of 59" in self.screen.text())
        os.write(self.control, b"\x1b[A")
        self.wait(lambda: "lines 1 to 21 of 59" in self.screen.text())
        for _ in range(4):
            os.write(self.control, b" ")
            time.sleep(0.1)
        self.wait(lambda: "lines 39 to 59 of 59" in self.screen.text())
        self.assertIn("tag19", self.screen.text())
        self.screen = Screen(10, 60)
        self.screen.other, self.screen.cursor = True, False
        self.resize(10, 60)
        os.kill(self.process.pid, signal.SIGWINCH)
        self.wait(lambda: "of 59" in self.screen.text())
        self.screen.unknown = []  # frames of the old size were still on their way
        os.write(self.control, b"k")
        self.wait(lambda: "lines 38 to 44 of 59" in self.screen.text())
        self.assertEqual(len(self.screen.text().splitlines()), 10)
        os.write(self.control, b"q")
        self.ended()

    def test_signals(self):
        self.write(*logs.curve("loss", [3, 2, 1]))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self.start()
            self.wait(lambda: "q quits" in self.screen.text())
            os.kill(self.process.pid, number)
            self.ended()

    def test_stopped_and_continued(self):
        self.write(*logs.curve("loss", [3, 2, 1]))
        self.start()
        self.wait(lambda: "q quits" in self.screen.text())
        os.kill(self.process.pid, signal.SIGTSTP)
        self.wait(lambda: not self.screen.other)
        self.wait(lambda: os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT | os.WNOHANG) is not None)
        self.assertEqual(termios.tcgetattr(self.terminal), self.before)
        os.kill(self.process.pid, signal.SIGCONT)
        self.wait(lambda: self.screen.other and "q quits" in self.screen.text())
        os.write(self.control, b"q")
        self.ended()

    def test_a_folder_that_goes(self):
        self.write(*logs.curve("loss", [3, 2, 1]))
        self.start()
        self.wait(lambda: "q quits" in self.screen.text())
        shutil.rmtree(self.log)
        time.sleep(0.6)
        self.write(*logs.curve("other", [3, 2, 1]))
        self.wait(lambda: "other" in self.screen.text())
        os.write(self.control, b"q")
        self.ended()


if __name__ == "__main__":
    del sys.argv[1:3]
    unittest.main(verbosity=1)
