#!/usr/bin/env python3
"""The checkpoint of an agent: whole after a kill at any moment, one process at a time, and steps that happen once.

    python_checkpoint_test.py ROOT
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

PACKAGE = str(Path(sys.argv[1]) / "sdk" / "python")
sys.path.insert(0, PACKAGE)
import ringfence  # type: ignore[import-not-found]  # noqa: E402

WRITER = """import sys, ringfence
with ringfence.Checkpoint("a", folder=sys.argv[1]) as checkpoint:
    kept = checkpoint.restore()
    number = kept.data["n"] if kept else 0
    print("ready", flush=True)
    while True:
        number += 1
        checkpoint.save({"n": number, "filling": "x" * (number % 7) * 10000})
        print(number, flush=True)
"""


class Told:
    """An agent that counts its safe points."""

    def __init__(self) -> None:
        self.safe = 0

    def safe_point(self) -> bool:
        self.safe += 1
        return True


class Trial(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="ringfence-checkpoint-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def checkpoint(self, **options: Any) -> Any:
        checkpoint = ringfence.Checkpoint(options.pop("name", "a"), folder=self.folder, patience=0, **options)
        self.addCleanup(checkpoint.close)
        return checkpoint

    def test_what_was_saved_is_found_again_with_its_version_and_its_run(self) -> None:
        told = Told()
        with self.checkpoint(agent=told) as first:
            self.assertIsNone(first.restore())
            with mock.patch.dict(os.environ, {"RINGFENCE_RUN": "r-1"}):
                first.save({"n": 1, "list": (1, None, "ä\ud800")}, version=3)
        kept = self.checkpoint().restore()
        self.assertEqual((kept.data, kept.version, kept.run), ({"n": 1, "list": [1, None, "ä\ud800"]}, 3, "r-1"))
        self.assertEqual(told.safe, 1)

    def test_the_file_that_the_library_for_c_reads_too_is_read_and_is_still_written_so(self) -> None:
        golden = (Path(sys.argv[1]) / "tests" / "golden" / "checkpoint" / "both.checkpoint").read_bytes()
        with self.checkpoint(workspace="/") as checkpoint:
            path = Path(checkpoint.path)
        path.write_bytes(golden)
        with self.checkpoint(workspace="/") as checkpoint:
            kept = checkpoint.restore()
            self.assertEqual(kept.data, {"next": 7, "big": 123456789012345678901234567890, "half": 0.5, "text": 'ä\ud800\n"',
                                         "none": None, "list": [True, []]})
            self.assertEqual((kept.version, kept.run, kept.saved), (3, "r-0123456789abcdef", 1764441234.25))
            self.assertEqual(checkpoint.once("mail-6", lambda: self.fail("done already")), {"id": "m-6"})
            self.assertIsNone(checkpoint.once("bräu\n", lambda: self.fail("done already")))
            self.assertRaises(ringfence.StepUnsure, checkpoint.once, "mail-7", lambda: 1)
            checkpoint.forget("no such step")
        self.assertEqual(path.read_bytes(), golden)

    def test_another_name_and_another_workspace_have_another_one(self) -> None:
        self.checkpoint().save(1)
        self.assertIsNone(self.checkpoint(name="b").restore())
        self.assertIsNone(self.checkpoint(workspace="/usr").restore())
        for name in ("", "../a", "a/b", ".a", "a" * 65, "a\n"):
            self.assertRaises(ValueError, ringfence.Checkpoint, name, folder=self.folder)

    def test_two_processes_do_not_have_it_at_once(self) -> None:
        first = self.checkpoint()
        self.assertRaises(ringfence.CheckpointBusy, self.checkpoint)
        first.close()
        self.checkpoint().save(1)

    def test_a_process_that_is_killed_while_it_saves_leaves_the_old_or_the_new_one(self) -> None:
        last = 0
        for _ in range(int(os.environ.get("RINGFENCE_KILLS", "20"))):
            writer = subprocess.Popen([sys.executable, "-B", "-c", WRITER, self.folder], stdout=subprocess.PIPE, text=True,
                                      env={**os.environ, "PYTHONPATH": PACKAGE})
            assert writer.stdout is not None
            self.assertEqual(writer.stdout.readline(), "ready\n")
            for _ in range(3):
                last = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
            said = [int(line) for line in writer.stdout.read().split("\n") if line]
            writer.wait()
            writer.stdout.close()
            last = said[-1] if said else last
            with ringfence.Checkpoint("a", folder=self.folder) as checkpoint:
                kept = checkpoint.restore().data
            self.assertIn(kept["n"], (last, last + 1), "what was said to be kept is kept")
            self.assertEqual(len(kept["filling"]), kept["n"] % 7 * 10000)
            last = kept["n"]

    def test_what_is_not_what_was_written_is_refused_and_left(self) -> None:
        with self.checkpoint() as checkpoint:
            checkpoint.save({"secret": 12345})
            path = Path(checkpoint.path)
        whole = path.read_bytes()
        for content in (whole[:-3], whole.replace(b"12345", b"12346"), b"", b"[]\n{}", b"{}\n{}", whole.replace(b'checkpoint": 1', b'checkpoint": 2'),
                        b"[" * 100_000, b"\xff" * 100):
            path.write_bytes(content)
            self.assertRaises(ringfence.CheckpointDamaged, self.checkpoint)
            self.assertEqual(path.read_bytes(), content)
        path.unlink()
        os.mkfifo(path)
        self.assertRaises(ringfence.CheckpointDamaged, self.checkpoint)
        path.unlink()
        path.symlink_to("/etc/hostname")
        self.assertRaises(OSError, self.checkpoint)

    def test_what_cannot_be_kept_leaves_what_was_kept_before(self) -> None:
        checkpoint = self.checkpoint()
        checkpoint.save(1)
        self.assertRaises(ringfence.CheckpointTooLarge, checkpoint.save, "x" * (8 * 1024 * 1024))
        self.assertRaises(ValueError, checkpoint.save, float("nan"))
        self.assertRaises(TypeError, checkpoint.save, {1, 2})
        with mock.patch("os.fsync", side_effect=OSError("full")):
            self.assertRaises(OSError, checkpoint.save, 2)
        checkpoint.close()
        self.assertEqual(self.checkpoint().restore().data, 1)

    def test_a_step_that_was_done_is_not_done_again(self) -> None:
        done: list[int] = []

        def effect() -> tuple[int, str]:
            done.append(1)
            return (7, "seven")

        with self.checkpoint() as checkpoint:
            self.assertEqual(checkpoint.once("s", effect), [7, "seven"])
            self.assertEqual(checkpoint.once("s", effect), [7, "seven"])
            checkpoint.save("beside")
        again = self.checkpoint()
        self.assertEqual(again.once("s", effect), [7, "seven"])
        self.assertEqual((len(done), again.restore().data), (1, "beside"))
        again.forget("s")
        again.once("s", effect)
        self.assertEqual(len(done), 2)

    def test_a_step_whose_end_nobody_knows_is_asked_about_or_done_again(self) -> None:
        def fails() -> None:
            raise KeyError("lost")

        with self.checkpoint() as checkpoint:
            self.assertRaises(KeyError, checkpoint.once, "s", fails)
        again = self.checkpoint()
        with self.assertRaises(ringfence.StepUnsure) as caught:
            again.once("s", lambda: 1)
        self.assertEqual(caught.exception.step, "s")
        self.assertEqual(again.once("s", lambda: 2, unsure="again"), 2)
        self.assertEqual(again.once("s", lambda: 3), 2)
        self.assertRaises(ValueError, again.once, "", lambda: 1)
        self.assertRaises(ValueError, again.once, "t", lambda: 1, unsure="maybe")

    def test_a_step_is_known_to_be_begun_before_its_effect(self) -> None:
        checkpoint, seen = self.checkpoint(), []
        checkpoint.once("s", lambda: seen.append(Path(checkpoint.path).read_text()))
        self.assertIn('"s":{}', seen[0])

    def test_steps_are_bounded(self) -> None:
        checkpoint = self.checkpoint()
        with mock.patch.object(ringfence.checkpoint, "MAX_STEPS", 3):
            for step in "abc":
                checkpoint.once(step, lambda: None)
            self.assertRaises(ringfence.CheckpointTooLarge, checkpoint.once, "d", lambda: None)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
