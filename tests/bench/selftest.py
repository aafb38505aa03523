"""The arithmetic of the figures, and what is read from the kernel, on data with known answers."""
import contextlib
import io
import unittest

import figures_page
import foreground
import launch
import statistics_of_ratios as ratios


class Page(unittest.TestCase):
    """docs/benchmarks.md, of which parts are written at different times."""
    PAGE = f"# Figures\n\nHow.\n\n{figures_page.MARK}\n"
    ROW = ("a figure", "≤ 1", "0.5", "")

    def test_a_part_that_is_measured_again_leaves_the_others_as_they_are(self):
        page = figures_page.with_sections(self.PAGE, {part: figures_page.section(part, "Measured long ago.", [self.ROW], [])
                                                      for part in ("stop", "launches")})
        again = figures_page.with_sections(page, {"stop": figures_page.section("stop", "Measured today.", [self.ROW], ["below"])})
        self.assertEqual(figures_page.sections_of(again)["launches"], figures_page.sections_of(page)["launches"])
        self.assertIn("Measured today.", figures_page.sections_of(again)["stop"])
        self.assertTrue(again.endswith("| a figure | ≤ 1 | 0.5 |  |\n\nbelow\n"))
        self.assertEqual(again.count("Measured long ago."), 1)
        self.assertTrue(again.startswith("# Figures\n\nHow.\n\n"))

    def test_parts_are_in_one_order_and_written_twice_they_are_the_same(self):
        new = {part: figures_page.section(part, "Measured.", [self.ROW], []) for part in reversed(figures_page.PARTS)}
        page = figures_page.with_sections(self.PAGE, new)
        self.assertEqual(list(figures_page.sections_of(page)), list(figures_page.PARTS))
        self.assertEqual(figures_page.with_sections(page, new), page)

    def test_what_no_measurement_writes_is_not_kept(self):
        with self.assertRaisesRegex(ValueError, "weather"):
            figures_page.with_sections(self.PAGE, {"weather": "### Rain\n"})


class Arithmetic(unittest.TestCase):
    def test_a_thing_is_as_fast_as_itself(self):
        one = ratios.ratio([1.0, 2.0, 3.0] * 20, [1.0, 2.0, 3.0] * 20)
        self.assertEqual((one.value, one.low, one.high), (1.0, 1.0, 1.0))

    def test_the_interval_holds_the_ratio(self):
        half = ratios.ratio([2.0, 2.1, 1.9, 2.0] * 10, [4.0, 4.1, 3.9, 4.0] * 10)
        self.assertAlmostEqual(half.value, 0.5, delta=0.02)
        self.assertLessEqual(half.low, half.value)
        self.assertGreaterEqual(half.high, half.value)

    def test_a_median_lies_in_its_interval(self):
        one = ratios.middle([1.0, 2.0, 3.0, 4.0, 5.0] * 8)
        self.assertEqual(one.value, 3.0)
        self.assertLessEqual(1.0, one.low)
        self.assertTrue(one.low <= 3.0 <= one.high <= 5.0)
        self.assertLess(one.low, one.high)

    def test_frames_are_pooled_before_their_percentile_is_taken(self):
        self.assertEqual(ratios.pooled([[1.0] * 99, [9.0]], 0.99).value, 9.0)
        self.assertEqual(ratios.pooled([[1.0] * 199, [9.0]], 0.99).value, 1.0)

    def test_the_person_is_slowed_down_where_that_is_beyond_the_noise_or_near_to_no_control_at_all(self):
        def judged(ours, worst):
            return foreground.judged(ratios.Ratio(*ours), ratios.Ratio(*worst * 3))

        self.assertEqual(judged((1.0, 0.9, 1.2), (3.1,)), foreground.HOLDS)
        self.assertEqual(judged((0.6, 0.5, 0.7), (1.3,)), foreground.HOLDS)  # beside what keeps the processor awake
        self.assertIn("under Ringfence", judged((2.0, 1.1, 3.0), (3.1,)))
        self.assertIn("under Ringfence", judged((1.4, 1.06, 1.5), (9.0,)))
        self.assertIn("under Ringfence", judged((1.4, 0.9, 3.0), (2.0,)))
        self.assertEqual(judged((1.4, 0.9, 3.0), (9.0,)), foreground.UNCLEAR)
        self.assertIn("no load", judged((1.0, 0.9, 1.2), (1.9,)))

    def test_beside_a_fork_storm_more_is_let_pass_and_not_any_amount(self):
        def verdict(load, ours):
            def seen(frame):
                return [foreground.Window([(0.0, frame)] * 100, 4000, 0, 0, 1)] * 4

            return foreground.verdict_on(load, {"idle": seen(1.0), "frozen": seen(1.0), "none": seen(9.0), "same": seen(2.0), "ringfence": seen(ours)})

        self.assertIn("under Ringfence", verdict("spin", 1.4))
        self.assertEqual(verdict("fork", 1.4), foreground.HOLDS)
        self.assertIn("under Ringfence", verdict("fork", 1.8))

    def test_who_bars_processors_comes_after_the_others_with_an_idle_of_its_own(self):
        asked = []

        class Field:
            load = "spin"

            def window(self, name):
                asked.append(name)
                return foreground.Window([(0.0, 1.0)], 4000, 0, 0, 1)

        modes = [mode for mode in foreground.MODES if mode.name in ("cpuset", "ringfence")]
        parts, dropped = foreground.measure_all(Field(), modes, 2)
        self.assertEqual([list(titles) for titles, _ in parts], [["idle", "frozen", "ringfence"], ["cpuset"]])
        self.assertEqual(sorted(asked[:6]), ["frozen", "frozen", "idle", "idle", "ringfence", "ringfence"])
        self.assertEqual(sorted(asked[6:]), ["cpuset", "cpuset", "idle", "idle"])
        self.assertEqual(dropped, 0)

    def test_what_few_windows_say_is_looked_at_again_before_it_is_a_failure(self):
        def seen(frame):
            return {name: [foreground.Window([(0.0, 1.0)] * 99 + [(0.0, frame if name == "ringfence" else 9.0 if name == "none" else 1.0)] * 3, 4000, 0, 0, 1)] * 4
                    for name in ("idle", "frozen", "none", "same", "ringfence")}

        with contextlib.redirect_stdout(io.StringIO()):
            foreground.check("spin", seen(1.0), lambda: self.fail("measured again"))
            asked = []
            self.assertRaisesRegex(RuntimeError, "under Ringfence", foreground.check, "spin", seen(2.0), lambda: asked.append(1) or seen(2.0))
            self.assertEqual(len(asked), 2)
            mixed = seen(2.0)
            foreground.check("spin", mixed, lambda: seen(1.0) | {"ringfence": seen(1.0)["ringfence"] * 10})
            self.assertEqual(len(mixed["ringfence"]), 44)

    def test_every_variant_is_measured_once_a_round(self):
        calls = []
        values = ratios.interleaved(["a", "b"], 3, lambda name: calls.append(name) or len(calls))
        self.assertEqual([len(values["a"]), len(values["b"])], [3, 3])
        self.assertEqual([sorted(calls[i:i + 2]) for i in (0, 2, 4)], [["a", "b"]] * 3)

    def test_a_percentile_is_one_of_the_values(self):
        self.assertEqual(ratios.percentile([3, 1, 2], 0.5), 2)
        self.assertEqual(ratios.percentile([3, 1, 2], 0.99), 3)


class Mounts(unittest.TestCase):
    INFO = ("22 1 0:20 / / ro,nosuid - tmpfs root rw\n23 22 0:21 / /proc rw - proc proc rw\n"
            "24 22 8:1 /usr /usr ro,nodev - ext4 /dev/vda rw\n25 22 0:30 / /tmp rw - tmpfs tmp rw\n")

    def test_bwrap_gets_what_the_fenced_program_saw(self):
        command, mounts = launch.same_in_bwrap(self.INFO, "/var/tmp")
        text = " ".join(command)
        for words in ("--ro-bind /usr /usr", "--tmpfs /tmp", "--bind /var/tmp /var/tmp", "--unshare-net"):
            self.assertIn(words, text)
        self.assertEqual(mounts, 5)


if __name__ == "__main__":
    unittest.main()
