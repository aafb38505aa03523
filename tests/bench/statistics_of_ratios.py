"""Ratios of interleaved measurements with bootstrap confidence intervals. Standard library only."""
import random
import statistics


class Ratio:
    """A value, of a ratio or of a thing itself, and its interval."""

    def __init__(self, value, low, high):
        self.value, self.low, self.high = value, low, high

    def __str__(self):
        return f"{self.value:.2f} ({self.low:.2f} – {self.high:.2f})"


def ratio(numerators, denominators, rounds=2000, seed=1):
    """Ratio of medians, with the 95 % interval of a bootstrap over whole rounds: both sides of one round stay together,
    because what disturbed the machine disturbed both."""
    assert len(numerators) == len(denominators) and numerators
    chance, pairs, ratios = random.Random(seed), list(zip(numerators, denominators)), []
    for _ in range(rounds):
        sample = chance.choices(pairs, k=len(pairs))
        ratios.append(statistics.median(pair[0] for pair in sample) / statistics.median(pair[1] for pair in sample))
    ratios.sort()
    return Ratio(statistics.median(numerators) / statistics.median(denominators),
                 ratios[int(0.025 * rounds)], ratios[int(0.975 * rounds)])


def pooled_ratio(numerators, denominators, share, rounds=500, seed=1):
    """Ratio of the percentiles `share` of windows of values, pooled, with the 95 % interval of a bootstrap over windows."""
    def of(windows):
        return percentile([value for window in windows for value in window], share)

    chance = random.Random(seed)
    ratios = sorted(of(chance.choices(numerators, k=len(numerators))) / of(chance.choices(denominators, k=len(denominators)))
                    for _ in range(rounds))
    return Ratio(of(numerators) / of(denominators), ratios[int(0.025 * rounds)], ratios[int(0.975 * rounds)])


def middle(values, rounds=2000, seed=1):
    """Median, with the 95 % interval of a bootstrap over the values."""
    return pooled([[value] for value in values], 0.5, rounds, seed)


def pooled(windows, share, rounds=500, seed=1):
    """Percentile `share` of windows of values, pooled, with the 95 % interval of a bootstrap over windows."""
    def of(some):
        return percentile([value for window in some for value in window], share)

    chance = random.Random(seed)
    found = sorted(of(chance.choices(windows, k=len(windows))) for _ in range(rounds))
    return Ratio(of(windows), found[int(0.025 * rounds)], found[int(0.975 * rounds)])


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def interleaved(variants, rounds, measure, seed=1):
    """{name: [one value a round]}: in each round every variant once, in a random order."""
    chance, values = random.Random(seed), {name: [] for name in variants}
    for _ in range(rounds):
        order = list(variants)
        chance.shuffle(order)
        for name in order:
            values[name].append(measure(name))
    return values
