#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`keratin events` as scripts and people use it.

usage: tests/cli/check_events.py KERATIN WRITE_LOGS [TEST...]

Logs come from logs.py, byte by byte, and from WRITE_LOGS, the library's writer. Output is compared as JSON, CSV and text;
numbers must read back as what was logged.
"""
import base64
import csv
import io
import json
import math
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import logs

KERATIN, WRITE_LOGS = (os.path.abspath(path) for path in sys.argv[1:3])
ENVIRONMENT = dict(os.environ, TZ="UTC", LC_ALL="C.UTF-8")
ENVIRONMENT.pop("COLUMNS", None)


def float32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="keratin-cli-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.log = os.path.join(self.folder, "logs")

    def run_as_is(self, *arguments, **more):
        return subprocess.run([KERATIN, "events", *arguments], cwd=self.folder, capture_output=True, timeout=60,
                              env=dict(ENVIRONMENT, **more))

    def events(self, *arguments, status=0, **more):
        done = self.run_as_is(*arguments, **more)
        self.err = done.stderr.decode("utf-8")
        self.assertEqual(done.returncode, status, (arguments, done.stdout[-500:], self.err))
        if status:
            self.assertRegex(self.err, r"^keratin events[^\n]*: [^\n]+\n$")
        return done.stdout.decode("utf-8")

    def lines(self, *arguments, **more):
        return [json.loads(line) for line in self.events(*arguments, "--json", **more).splitlines()]

    def table(self, *arguments):
        return list(csv.reader(io.StringIO(self.events(*arguments))))

    def two_runs(self):
        subprocess.run([WRITE_LOGS, self.log], check=True)
        for path, _, names in os.walk(self.log):
            for name in names:
                os.utime(os.path.join(path, name), (1.7e9, 1.7e9))


class Ls(Case):
    def test_the_contracts_keys(self):
        self.two_runs()
        rows = self.lines("ls", "logs")
        self.assertEqual([list(row) for row in rows],
                         [["run", "tag", "plugin", "count", "first_step", "last_step", "last_value"]] * 8)
        self.assertEqual([(row["run"], row["tag"]) for row in rows],
                         [(run, tag) for run in ("train", "validation")
                          for tag in ("dense/kernel", "epoch_accuracy", "epoch_loss", "notes")])
        self.assertEqual(rows[2], {"run": "train", "tag": "epoch_loss", "plugin": "scalars", "count": 20, "first_step": 0,
                                   "last_step": 19, "last_value": rows[2]["last_value"]})
        self.assertEqual(float32(rows[2]["last_value"]), float32(1 / 20))
        self.assertEqual(rows[0]["plugin"], "histograms")
        self.assertIsNone(rows[0]["last_value"])

    def test_for_people(self):
        self.two_runs()
        head, *rows = self.events("ls", "logs").splitlines()
        self.assertEqual(head.split(), ["run", "tag", "plugin", "points", "steps", "last", "value"])
        self.assertEqual(rows[2].split(), ["train", "epoch_loss", "scalars", "20", "0", "to", "19", "0.05"])

    def test_choice(self):
        self.two_runs()
        self.assertEqual(len(self.lines("ls", "logs", "--tag", "epoch_*", "--run=validation")), 2)
        self.events("ls", "logs", "--tag", "epoch_los", status=1)
        self.assertIn("did you mean 'epoch_loss'?", self.err)
        self.events("ls", "logs", "--run", "trian", status=1)
        self.assertIn("did you mean 'train'?", self.err)

    def test_one_file_and_root_run(self):
        path = logs.write(self.log, logs.version(), *logs.curve("x", [1, 2]))
        for place in (path, self.log):
            self.assertEqual([row["run"] for row in self.lines("ls", place)], ["."])

    def test_not_finite(self):
        logs.write(self.log, logs.version(), *logs.curve("a", [math.nan]), *logs.curve("b", [math.inf]),
                   *logs.curve("c", [-math.inf]))
        self.assertEqual([row["last_value"] for row in self.lines("ls", "logs")], ["NaN", "Infinity", "-Infinity"])

    def test_hostile_tags(self):
        tags = [b"bad\xffutf8", "quote\"back\\slash".encode(), b"new\nline\x1b[31m", "gr\u00fc\u00df\u4e2d\U0001F600".encode(),
                "turned\u202eback".encode()]
        logs.write(self.log, logs.version(), *(logs.summary(1.6e9, 0, logs.scalar(tag, 1)) for tag in tags))
        found = {row["tag"] for row in self.lines("ls", "logs")}
        self.assertEqual(found, {tag.decode("utf-8", "replace") for tag in tags})
        for out in (self.events("ls", "logs"), self.events("dump", "logs"), self.events("tail", "logs", "--once"),
                    self.events("ls", "logs", "--json")):
            self.assertNotIn("\x1b", out)
            self.assertNotIn("\u202e", out)

    def test_empty(self):
        os.makedirs(self.log)
        self.assertEqual(self.events("ls", "logs"), "")
        self.assertIn("keratin events doctor", self.err)

    def test_missing(self):
        self.two_runs()
        self.events("ls", "lgos", status=1)
        self.assertIn("lgos: expected a folder of event files or one of them, there is nothing of this name: did you mean "
                      "'logs'?", self.err)

    def test_output_that_is_refused(self):
        self.two_runs()
        with open("/dev/full", "w") as full:
            done = subprocess.run([KERATIN, "events", "ls", self.log], stdout=full, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"No space left", done.stderr)


class Usage(Case):
    def test_mistakes(self):
        for arguments, word in ((["ls"], "LOGDIR"), (["ls", "a", "b"], "'b'"), (["ls", ".", "--jsn"], "'--json'"),
                                (["lss", "."], "'ls'"), (["prune", "."], "--keep-every"),
                                (["prune", ".", "--keep-every", "0"], "at least 1"),
                                (["prune", ".", "--keep-every", "1x"], "'1x'"), (["prune", ".", "--keep-every"], "ends there"),
                                (["tail", ".", "--smoothing", "1.5"], "from 0 to 0.999"),
                                (["tail", ".", "--smoothing", "0,5"], "'0,5'"), (["ls", ".", "--json=1"], "takes no value"),
                                (["export", "."], "--csv OUT"), (["dump", ".", "--csv", "--json"], "received both"),
                                (["merge", "out"], "too few")):
            self.events(*arguments, status=2)
            self.assertIn(word, self.err)

    def test_help_and_examples(self):
        """Each page ends with an example, and it works where there are logs."""
        self.two_runs()
        shutil.move(self.log, self.log + "-kept")
        shell = dict(ENVIRONMENT, PATH=os.path.dirname(KERATIN) + ":" + os.environ["PATH"])
        for name in ("ls", "dump", "check", "doctor", "merge", "prune", "export", "tail"):
            page = self.events(name, "--help")
            self.assertTrue(page.startswith("usage: keratin events " + name), page)
            example = page.rstrip().splitlines()[-1]
            self.assertTrue(example.startswith("example: keratin events " + name), page)
            line = example[len("example: "):].replace("/tmp/merged", os.path.join(self.folder, "merged"))
            done = subprocess.run(line, shell=True, cwd=self.log + "-kept", env=shell, capture_output=True)
            self.assertEqual(done.returncode, 0, (line, done.stderr))
            self.assertTrue(done.stdout or done.stderr)
            self.assertLessEqual(max(map(len, page.splitlines())), 120)
        self.assertIn("doctor", self.events())
        self.assertIn("example: ", self.events("--help"))

    def test_dashes(self):
        logs.write(os.path.join(self.folder, "--odd"), logs.version(), *logs.curve("x", [1]))
        self.assertIn("scalars", self.events("ls", "--", "--odd"))


class Dump(Case):
    def everything(self):
        logs.write(self.log, logs.version(), logs.graph(1.6e9 + 1),
                   logs.summary(1.6e9 + 2, 5, logs.scalar("loss", 0.1)),
                   logs.summary(1.6e9 + 2.25, 2**53 + 1, logs.simple_value("old", -1e-30)),
                   logs.summary(1.6e9 + 3, 1, logs.histogram("h", [(0, 1, 3), (1, 2.5, 5)])),
                   logs.summary(1.6e9 + 4, 1, logs.text("t", ["hi \"you\"\n\x00"])),
                   logs.summary(1.6e9 + 5, 2, logs.text("table", ["a", "b", "c", "d"], (2, 2))),
                   logs.summary(1.6e9 + 6, 3, logs.image("i", [b"\x89PNG\xff"])),
                   logs.summary(1.6e9 + 7, 4, logs.pr_curve("p", [float(i) for i in range(12)])),
                   logs.summary(1.6e9 + 8, 0, logs.hparams("_hparams_/session_start_info", b"\x1a\x00")))
        return {row["tag"]: row for row in self.lines("dump", "logs")}

    def test_each_kind(self):
        rows = self.everything()
        self.assertEqual(rows["loss"], {"run": ".", "tag": "loss", "plugin": "scalars", "step": 5, "wall_time": 1600000002.0,
                                        "value": rows["loss"]["value"]})
        self.assertEqual(float32(rows["loss"]["value"]), float32(0.1))
        self.assertEqual((rows["old"]["plugin"], rows["old"]["step"], float32(rows["old"]["value"])),
                         ("scalars", 2**53 + 1, float32(-1e-30)))
        self.assertEqual(rows["h"]["buckets"], [[0, 1, 3], [1, 2.5, 5]])
        self.assertEqual(rows["t"]["text"], "hi \"you\"\n\x00")
        self.assertEqual(rows["table"]["text"], [["a", "b"], ["c", "d"]])
        self.assertEqual((rows["i"]["plugin"], rows["i"]["shape"]), ("images", [3]))
        self.assertEqual([base64.b64decode(x) for x in rows["i"]["bytes"]], [b"4", b"3", b"\x89PNG\xff"])
        p = rows["p"]
        self.assertEqual((p["shape"], p["dtype"]), ([6, 2], "float32"))
        self.assertEqual(struct.unpack("<12f", base64.b64decode(p["bytes"])), tuple(range(12)))
        self.assertEqual(base64.b64decode(p["content"]), b"\x10\x02")
        self.assertEqual(base64.b64decode(rows["_hparams_/session_start_info"]["content"]), b"\x1a\x00")
        graph = rows["__run_graph__"]
        self.assertEqual(graph["plugin"], "graphs")
        self.assertEqual(base64.b64decode(graph["bytes"]),
                         logs.message(1, logs.message(1, "x") + logs.message(2, "Placeholder")))

    def test_values_read_back(self):
        values = [0.1, 1 + 2**-23, 16777215, 1e-45, 3.4028235e38, -2**-126, 0.0]
        logs.write(self.log, logs.version(), *logs.curve("x", values))
        rows = self.lines("dump", "logs")
        self.assertEqual([float32(row["value"]) for row in rows], [float32(x) for x in values])
        self.assertEqual([float32(float(row[5])) for row in self.table("dump", "logs", "--csv")[1:]],
                         [float32(x) for x in values])
        people = self.events("dump", "logs").split("\n")
        self.assertEqual([float32(float(line.split()[-1])) for line in people[:-1]], [float32(x) for x in values])

    def test_wall_times_read_back(self):
        times = [1599759606.859727, 0.1, 1e300]
        logs.write(self.log, logs.version(), *(logs.summary(t, i, logs.scalar("x", 1)) for i, t in enumerate(times)))
        self.assertEqual([row["wall_time"] for row in self.lines("dump", "logs")], times)
        self.assertEqual([float(row[4]) for row in self.table("dump", "logs", "--csv")[1:]], times)

    def test_for_people(self):
        self.everything()
        out = self.events("dump", "logs")
        self.assertEqual(len(out.splitlines()), 9)
        self.assertRegex(out, r"(?m)^\. +loss +step 5 +2020-09-13 12:26:42  0\.1$")
        self.assertIn("2 buckets, 8 values from 0 to 2.5", out)
        self.assertIn('hi "you"\\n\\x00', out)

    def test_csv(self):
        logs.write(os.path.join(self.log, "a,b"), logs.version(), *logs.curve('say "x"', [0.5, math.nan]))
        self.assertEqual(self.table("dump", "logs", "--csv"),
                         [["run", "tag", "plugin", "step", "wall_time", "value"],
                          ["a,b", 'say "x"', "scalars", "0", "1600000000", "0.5"],
                          ["a,b", 'say "x"', "scalars", "1", "1600000001", "NaN"]])

    def test_locale_with_a_comma(self):
        """A locale is made for the test where the machine has none."""
        logs.write(self.log, logs.version(), *logs.curve("x", [0.5, 1.5]))
        comma = {"LC_ALL": "de_DE.UTF-8", "LOCPATH": self.folder}
        made = shutil.which("localedef") and subprocess.run(
            ["localedef", "-c", "-i", "de_DE", "-f", "UTF-8", os.path.join(self.folder, "de_DE.UTF-8")], capture_output=True)
        works = subprocess.run([sys.executable, "-c", "import locale; locale.setlocale(locale.LC_ALL, ''); "
                                "exit(locale.localeconv()['decimal_point'] != ',')"],
                               env=dict(os.environ, **comma), capture_output=True)
        if not made or works.returncode:
            self.skipTest("no locale with a decimal comma")
        self.assertEqual([row["value"] for row in self.lines("dump", "logs", **comma)], [0.5, 1.5])
        self.assertRegex(self.events("tail", "logs", "--once", "--smoothing", "0.5", **comma), "1\\.167 +0\\.5 +1\\.5\n$")
        self.assertIn(",0.5\n", self.events("export", "logs", "--csv", "-", **comma))


class Check(Case):
    def records(self):
        return [logs.version(), *logs.curve("x", [1, 2, 3, 4, 5])]

    def test_sound(self):
        logs.write(self.log, *self.records())
        self.assertEqual(self.events("check", "logs"), "6 records in 1 file, all sound\n")

    def test_damage(self):
        records = self.records()
        bad = bytearray(records[2])
        bad[20] ^= 1
        path = logs.write(self.log, records[0], records[1], bytes(bad), *records[3:])
        offset = len(records[0]) + len(records[1])
        out = self.events("check", "logs", status=1)
        self.assertRegex(out, r"(?m)^%s: offset %d: .+ \(%d bytes passed over\)$"
                         % ("logs/" + os.path.basename(path), offset, len(bad)))
        self.assertIn("merge", self.err)
        problem, = self.lines("check", "logs", status=1)
        self.assertEqual((problem["status"], problem["file"], problem["offset"], problem["skipped"]),
                         ("damaged", "logs/" + os.path.basename(path), offset, len(bad)))

    def test_unfinished_end_is_no_error(self):
        records = self.records()
        logs.write(self.log, *records[:-1], records[-1][:-3])
        out = self.events("check", "logs")
        self.assertIn("5 records in 1 file, all sound", out)
        self.assertEqual([p["status"] for p in self.lines("check", "logs")], ["note"])


class Doctor(Case):
    def findings(self, *arguments):
        rows = self.lines("doctor", *arguments)
        for row in rows:
            self.assertEqual(list(row), ["weight", "what", "do"])
            self.assertRegex(row["what"], r"\.$")
        return rows

    def only(self, *arguments, weight="wrong"):
        rows = self.findings(*arguments)
        self.assertEqual(len(rows), 1, rows)
        self.assertEqual(rows[0]["weight"], weight)
        return rows[0]["what"] + " " + rows[0]["do"]

    def write(self, *records, run="train", **more):
        return logs.write(os.path.join(self.log, run), logs.version(), *records, **more)

    def test_nothing_wrong(self):
        self.two_runs()
        self.assertEqual(self.findings("logs"), [])
        self.assertEqual(self.events("doctor", "logs"), "nothing wrong: 2 files, 2 runs with points, 8 tags, 86 points\n")

    def test_missing_and_wrong_folder(self):
        self.write(*logs.curve("x", [1, 2]))
        self.assertRegex(self.only("lgs"), "lgs does not exist, but there is 1 event file in .*'.*logs/train'")
        self.assertIn("tensorboard --logdir ./logs/train", self.only("other/logs"))
        os.makedirs(os.path.join(self.log, "plugins"))
        self.assertRegex(self.only("logs/plugins"), "holds no event files, but there is 1 event file in 'logs/train'")

    def test_nothing_near(self):
        os.makedirs(self.log)
        self.assertIn("holds no event files, and none are near it", self.only("logs"))

    def test_one_run_of_several(self):
        self.write(*logs.curve("x", [1, 2]))
        self.write(*logs.curve("x", [1, 2]), run="validation")
        self.assertIn("tensorboard --logdir logs", self.only("logs/train", weight="note"))

    def test_compressed_and_misnamed(self):
        path = self.write(*logs.curve("x", [1, 2]))
        logs.write(self.log, b"\x1f\x8b\x08rest", name="events.out.tfevents.1.gz")
        shutil.copy(path, os.path.join(self.log, "run.log"))
        what = " ".join(row["what"] for row in self.findings("logs"))
        self.assertIn("compressed: 'logs/events.out.tfevents.1.gz'", what)
        self.assertIn("'logs/run.log'", what)

    def test_no_records(self):
        self.write()
        self.assertRegex(self.only("logs"), "1 run of 1 has no points, only the records that begin a file: 'train'")

    def test_only_graphs(self):
        self.write(logs.graph(1.6e9))
        self.assertIn("There are only graphs", self.only("logs"))

    def test_unreadable(self):
        path = self.write(*logs.curve("x", [1, 2]))
        self.write(*logs.curve("x", [1, 2]), run="validation")
        os.chmod(path, 0)
        os.chmod(self.folder, 0o755)
        nobody = {"user": 65534} if os.geteuid() == 0 else {}  # root reads everything
        try:
            done = subprocess.run([KERATIN, "events", "doctor", self.log], capture_output=True, env=ENVIRONMENT, **nobody)
        except PermissionError:
            self.skipTest("the command is where only root may run it")
        finding, summary = done.stdout.decode().split("\n  ->")
        self.assertIn("wrong: 1 file cannot be read: '%s'" % path, finding)
        self.assertIn("chmod u+r", summary)

    def test_damaged(self):
        self.write(logs.curve("x", [1])[0], b"damage " * 9, *logs.curve("x", [2], first=1))
        self.assertRegex(self.only("logs"), "1 file is damaged, .* offset .*keratin events merge OUT logs")

    def test_steps(self):
        self.write(*logs.curve("x", [1, 2, 3], every=0))
        self.assertIn("All points of 'train/x' have one step (0)", self.only("logs"))
        self.write(*logs.curve("x", [1, 2, 3]), *logs.curve("x", [4, 5, 6], wall=1.6e9 + 9, first=1))
        self.assertIn("in the first from 2 to 1, where TensorBoard forgets 2 points", self.only("logs"))
        self.write(*logs.curve("x", [1, 2]), *logs.curve("x", [4, 5], wall=1.6e9 + 9, first=1))
        self.assertIn("Steps are used twice in 'train/x'", self.only("logs"))
        self.write(*logs.curve("x", [1] * 9), *logs.curve("x", [1] * 9, wall=1.6e9 + 9, first=900))
        self.assertIn("There is a gap in the steps of 'train/x': in the first from 8 to 900", self.only("logs"))
        for base, count in ((2, 30), (30, 12)):
            self.write(*(logs.summary(1.6e9 + i, base**i, logs.scalar("x", 1)) for i in range(count)))
            self.assertEqual(self.findings("logs"), [])

    def test_a_resumed_training(self):
        self.write(*logs.curve("x", range(9)))
        for first, marked, weight, what in ((5, 5, "note", "A training was resumed"), (8, 8, "note", "was resumed"),
                                            (5, 6, "wrong", "Steps fall back"), (8, 9, "wrong", "Steps are used twice")):
            logs.write(os.path.join(self.log, "train"), logs.version(1.6e9 + 20), *[logs.restart(1.6e9 + 20, marked)] * 2,
                       *logs.curve("x", range(9), wall=1.6e9 + 20, first=first),
                       name="events.out.tfevents.1600000020.host.2.0.v2")
            self.assertIn(what, self.only("logs", weight=weight))

    def test_clock(self):
        self.write(*logs.curve("x", [1, 2], wall=time.time() + 86400))
        self.assertIn("lie in the future", self.only("logs"))
        self.write(*logs.curve("x", [1, 2], wall=5.0))
        self.assertIn("before the year 2000", self.only("logs"))
        self.write(*logs.curve("x", [1, 2], wall=math.nan))
        self.assertIn("are no numbers", self.only("logs"))

    def test_values(self):
        self.write(*logs.curve("x", [math.nan] * 3))
        self.assertIn("No value of 'train/x' is finite", self.only("logs"))
        self.write(*logs.curve("x", [1, 2, math.nan, math.inf], first=10))
        self.assertIn("in the first from step 12 on", self.only("logs"))

    def test_kinds(self):
        self.write(logs.summary(1.6e9, 0, logs.scalar("x", 1)), logs.summary(1.6e9, 1, logs.text("x", ["one"])))
        self.assertIn("One tag is used for two kinds", self.only("logs"))
        self.write(logs.summary(1.6e9, 0, logs.double_scalar("x", 1)), logs.summary(1.6e9, 1, logs.double_scalar("x", 1)))
        self.assertIn("not one float32", self.only("logs"))

    def test_tags_that_are_no_text(self):
        self.write(logs.summary(1.6e9, 0, logs.scalar(b"bad\xff", 1), logs.scalar("\ufffd fine", 1)))
        self.assertRegex(self.only("logs"), "Tags are not UTF-8.* here: 'train/bad\ufffd'\\.")

    def test_two_writers(self):
        self.write(*logs.curve("x", [1] * 5))
        self.write(*logs.curve("y", [1] * 5, wall=1.6e9 + 2), name="events.out.tfevents.1600000002.host.2.0.v2")
        self.assertIn("two files were written at the same time: 'train'", self.only("logs"))

    def test_rotation_is_fine(self):
        self.write(*logs.curve("x", [1] * 5))
        logs.write(os.path.join(self.log, "train"), logs.version(1.6e9 + 9), *logs.curve("x", [1], wall=1.6e9 + 9, first=5),
                   name="events.out.tfevents.1600000009.host.1.1.v2")
        self.assertEqual(self.findings("logs"), [])

    def test_many_runs_and_points(self):
        for i in range(501):
            self.write(*logs.curve("x", [1]), run="r%03d" % i)
        self.assertIn("There are 501 runs", self.only("logs"))
        shutil.rmtree(self.log)
        self.write(*logs.curve("x", range(1001)))
        self.assertIn("scalars=1001", self.only("logs", weight="note"))


class Merge(Case):
    def test_runs_of_two_logs(self):
        a, b = (os.path.join(self.folder, name) for name in "ab")
        one = logs.write(os.path.join(a, "train"), logs.version(), *logs.curve("x", [1, 2, 3]), logs.graph(1.6e9))
        two = logs.write(os.path.join(b, "test"), logs.version(), *logs.curve("x", [4]), b"cut")
        self.events("merge", "out", "a", "b")
        for path, run, cut in ((one, "train", 0), (two, "test", 3)):
            with open(path, "rb") as before, open(os.path.join(self.folder, "out", run, os.path.basename(path)), "rb") as now:
                self.assertEqual(before.read()[:-cut or None], now.read())

    def test_one_run_of_two_logs(self):
        """Parts of one training: sorted by step, raw records, one version, no marks of sessions."""
        first = logs.curve("x", [0, 1, 2, 3, 4, 5])
        second = [logs.restart(1.6e9 + 10, 3)] * 2 + logs.curve("x", [13, 14, 15, 16], wall=1.6e9 + 10, first=3)
        logs.write(os.path.join(self.folder, "a"), logs.version(), *first)
        logs.write(os.path.join(self.folder, "b"), logs.version(1.6e9 + 9), *second,
                   logs.event(1.6e9 + 20, 6, logs.message(99, "unknown field")))
        out = self.events("merge", "out", "b", "a")
        self.assertIn("joined", out)
        path = os.path.join(self.folder, "out", os.listdir(os.path.join(self.folder, "out"))[0])
        with open(path, "rb") as file:
            whole = file.read()
        expected = [logs.version(1.6e9 + 9), *first[:3]]
        for i in range(3, 6):
            expected += [first[i], second[i - 1]]
        expected += [second[5], logs.event(1.6e9 + 20, 6, logs.message(99, "unknown field"))]
        self.assertEqual(whole, b"".join(expected))
        self.assertEqual(self.events("check", "out").split()[0], "12")

    def test_apart(self):
        for name in ("a/logs", "b/logs"):
            logs.write(os.path.join(self.folder, name, "train"), logs.version(), *logs.curve("x", [1, 2]))
        self.events("merge", "out", "a/logs", "b/logs")
        self.assertIn("--apart", self.err)
        self.events("merge", "--apart", "out2", "a/logs", "b/logs")
        self.assertEqual([row["run"] for row in self.lines("ls", "out2")], ["logs-2/train", "logs/train"])

    def test_repairs(self):
        records = logs.curve("x", [1, 2, 3])
        no_event = logs.record(b"\x2a\x7f" + b"checksums match, but this is no message")
        logs.write(self.log, logs.version(), records[0], b"damage " * 9, records[1], bytes(500), no_event, records[2])
        self.events("merge", "out", "logs")
        self.assertIn("passed over", self.err)
        self.assertEqual(self.events("check", "out"), "4 records in 1 file, all sound\n")
        self.assertEqual(self.lines("ls", "out")[0]["count"], 3)

    def test_refusals(self):
        logs.write(self.log, logs.version(), *logs.curve("x", [1]))
        self.events("merge", "logs", "logs", status=1)
        self.assertIn("expected a new or an empty folder", self.err)
        os.makedirs(os.path.join(self.folder, "nothing"))
        self.events("merge", "out", "nothing", status=1)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "out")))
        self.events("merge", "out", "logs", "nowhere", status=1)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "out")))


class Prune(Case):
    def test_points_that_stay(self):
        path = logs.write(self.log, logs.version(), logs.graph(1.6e9), *logs.curve("x", range(95)),
                          *(logs.summary(1.6e9 + i, i, logs.text("t", ["note"])) for i in range(5)))
        os.chmod(path, 0o640)
        before = os.stat(path)
        self.events("prune", "logs", "--keep-every", "10", "--dry-run")
        self.assertEqual(os.stat(path).st_ino, before.st_ino)
        out = self.events("prune", "logs", "--keep-every", "10")
        self.assertIn("18 of 102 records kept", out)
        after = os.stat(path)
        self.assertLess(after.st_size, before.st_size)
        self.assertEqual((after.st_mode, after.st_mtime), (before.st_mode, before.st_mtime))
        rows = [row for row in self.lines("dump", "logs") if row["tag"] == "x"]
        self.assertEqual([row["step"] for row in rows], [*range(0, 95, 10), 94])
        self.assertEqual({row["tag"]: row["count"] for row in self.lines("ls", "logs")},
                         {"__run_graph__": 1, "t": 5, "x": 11})
        self.assertEqual(os.listdir(self.log), [os.path.basename(path)])
        self.assertIn("all sound", self.events("check", "logs"))

    def test_several_files_of_a_run(self):
        """Points are counted through all files of a run."""
        for i in range(3):
            logs.write(self.log, logs.version(1.6e9 + 10 * i), *logs.curve("x", range(7), wall=1.6e9 + 10 * i, first=7 * i),
                       name="events.out.tfevents.%010d.host.1.%d.v2" % (1600000000 + 10 * i, i))
        self.events("prune", "logs", "--keep-every", "4", "--keep-last", "3")
        self.assertEqual([row["step"] for row in self.lines("dump", "logs")], [0, 4, 8, 12, 16, 18, 19, 20])

    def test_values_that_share_a_record(self):
        logs.write(self.log, logs.version(),
                   *(logs.summary(1.6e9 + i, i, logs.scalar("x", i), logs.scalar("y", -i)) for i in range(10)))
        self.events("prune", "logs", "--keep-every", "5", "--tag", "x")
        self.assertEqual([row["count"] for row in self.lines("ls", "logs")], [10, 10])
        self.events("prune", "logs", "--keep-every", "5")
        self.assertEqual([row["count"] for row in self.lines("ls", "logs")], [3, 3])

    def test_refusals(self):
        path = logs.write(self.log, logs.version(), *logs.curve("x", range(9)), age=0)
        with open(path, "rb") as file:
            whole = file.read()
        self.events("prune", "logs", "--keep-every", "3", status=1)
        self.assertIn("expected a file at rest", self.err)
        with open(path, "ab") as file:
            file.write(b"damage " * 9 + logs.curve("x", [1], first=9)[0])
        os.utime(path, (1.6e9, 1.6e9))
        self.events("prune", "logs", "--keep-every", "3", status=1)
        self.assertIn("damaged", self.err)
        with open(path, "rb") as file:
            self.assertTrue(file.read().startswith(whole))
        self.events("prune", "logs", "--keep-every", "3", "--force")
        self.assertEqual([row["step"] for row in self.lines("dump", "logs")], [0, 3, 6, 9])
        self.assertIn("all sound", self.events("check", "logs"))


class Trouble(Case):
    """A disk that is full, and a user who does not wait: the old content stays, and nothing is left behind."""

    def content(self):
        found = {}
        for path, _, names in os.walk(self.folder):
            for name in names:
                with open(os.path.join(path, name), "rb") as file:
                    found[os.path.join(path, name)] = file.read()
        return found

    def start(self, arguments, **more):
        return subprocess.Popen([KERATIN, "events", *arguments], cwd=self.folder, env=ENVIRONMENT,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)

    def commands(self):
        with open(os.path.join(self.folder, "table.csv"), "w") as file:
            file.write("old")
        return (["export", "logs", "--csv", "table.csv"], ["prune", "logs", "--keep-every", "2"], ["merge", "out", "logs"],
                ["merge", "out2", "logs", "logs"])

    def test_full_disk(self):
        logs.write(self.log, logs.version(), *logs.curve("x", range(4000)))
        commands = self.commands()
        before = self.content()

        def small_files():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))

        for arguments in commands:
            process = self.start(arguments, preexec_fn=small_files)
            _, err = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 1, arguments)
            self.assertIn(b"File too large", err)
            self.assertTrue(self.content() == before, arguments)

    def test_ended_by_a_signal(self):
        logs.write(self.log, logs.version(), *logs.curve("x", range(40000)))
        commands = self.commands()
        before = self.content()
        for arguments in commands:
            process = self.start(arguments)
            while process.poll() is None and not any(name.startswith(".keratin-") for _, _, names in os.walk(self.folder)
                                                     for name in names):
                pass
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
            if process.returncode == 0:
                before = self.content()  # it was quicker
            else:
                self.assertEqual(process.returncode, -signal.SIGINT)
            self.assertTrue(self.content() == before, arguments)


class Export(Case):
    def test_long(self):
        self.two_runs()
        self.events("export", "logs", "--csv", "table.csv")
        with open(os.path.join(self.folder, "table.csv"), newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(len(rows), 80)
        self.assertEqual([float32(float(row["value"])) for row in rows if row["tag"] == "epoch_loss" and row["run"] == "train"],
                         [float32(1 / (1 + i)) for i in range(20)])
        self.assertEqual(sorted(os.listdir(self.folder)), ["logs", "table.csv"])
        self.assertEqual(self.table("export", "logs", "--csv", "-", "--run", "train", "--tag", "epoch_loss")[0],
                         ["run", "tag", "step", "wall_time", "value"])

    def test_wide(self):
        logs.write(self.log, logs.version(), *logs.curve("a", [1, 2, 3]), *logs.curve("b,c", [5, 6], first=1, every=4))
        logs.write(os.path.join(self.log, "r"), logs.version(), *logs.curve("a", [7, 8, 9], first=2),
                   *logs.curve("a", [18], first=3))
        self.assertEqual(self.table("export", "logs", "--csv", "-", "--wide"),
                         [["step", "a", "b,c", "r/a"], ["0", "1", "", ""], ["1", "2", "5", ""], ["2", "3", "", "7"],
                          ["3", "", "", "18"], ["4", "", "", "9"], ["5", "", "6", ""]])

    def test_refusals(self):
        self.two_runs()
        self.events("export", "logs", "--csv", "nowhere/table.csv", status=1)
        self.assertIn("No such file", self.err)
        with open(os.path.join(self.folder, "table.csv"), "w") as file:
            file.write("old")
        self.events("export", "logs", "--csv", "table.csv", "--tag", "none", status=1)
        with open(os.path.join(self.folder, "table.csv")) as file:
            self.assertEqual(file.read(), "old")


if __name__ == "__main__":
    del sys.argv[1:3]
    unittest.main(verbosity=1)
