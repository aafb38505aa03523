"""What an agent waits for that uses the libraries for it. Nothing is compared, so these are figures of one machine: the busier it
is, the worse they are."""
from agent_reports import measured as reports


def rows(build, quick):
    found = reports(build, runs=4, count=200 if quick else 4000)
    if not found.whole:
        raise RuntimeError(f"reports were lost or counted twice: {found.counted}, not {found.wanted} tokens of each run")
    yield ("usage reports, 32 agents in 4 runs", "1,000 a second, none lost", f"{found.rate:.0f} a second",
           f"{found.reports} reports, each answered when it was durable, all counted once")
