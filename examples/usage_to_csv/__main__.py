"""What all runs used, as CSV on standard output: one line a run, and one more for each model that its agent reported.

    usage_to_csv [--live] [--socket PATH]

Numbers are as the kernel counted them, tokens and cost as the agents said. An empty cell is not known, never 0. A cell that
would be a formula in a spreadsheet begins with an apostrophe: names come from agents.
"""

from __future__ import annotations

import argparse
import csv
import sys
from typing import Dict, Iterator, List, Optional, Union

import ringfence

Cell = Union[str, int, float, None]
COLUMNS = ["run", "name", "state", "policy", "started", "ended", "cpu_seconds", "memory_peak_bytes", "io_read_bytes", "io_write_bytes",
           "network_sent_bytes", "network_received_bytes", "gpu_seconds", "npu_seconds", "tokens", "model", "reports", "input_tokens",
           "output_tokens", "cost_usd"]


class Model:
    """What the reports about one model add up to. The cost is known when every report told one."""

    def __init__(self) -> None:
        self.reports = self.input_tokens = self.output_tokens = 0
        self.cost_microusd: Optional[int] = 0

    def add(self, part: Dict[str, int]) -> None:
        self.reports += part["reports"]
        self.input_tokens += part["input_tokens"]
        self.output_tokens += part["output_tokens"]
        cost = part.get("cost_microusd")
        self.cost_microusd = None if cost is None or self.cost_microusd is None else self.cost_microusd + cost


def models_of(client: ringfence.Client, run: str) -> Dict[str, Model]:
    models: Dict[str, Model] = {}
    for line in client.log(run):
        if line.kind == "usage-reported":
            for part in line.body["models"]:
                models.setdefault(part["model"], Model()).add(part)
    return models


def seconds(microseconds: Optional[int]) -> Optional[float]:
    return None if microseconds is None else microseconds / 1e6


def lines_of(client: ringfence.Client, run: ringfence.Run) -> Iterator[List[Cell]]:
    used = run.usage
    fixed: List[Cell] = [
        run.id, run.name, run.state, run.policy_name, run.started, run.ended, seconds(used.cpu_usec), used.memory_peak_bytes,
        used.io_read_bytes, used.io_write_bytes, used.network_sent_bytes, used.network_received_bytes, seconds(used.gpu_usec),
        seconds(used.npu_usec), used.tokens]
    yield [*fixed, None, None, None, None, None]
    blank: List[Cell] = [run.id, run.name, *[None] * (len(fixed) - 2)]
    for name, model in sorted(models_of(client, run.id).items()):
        cost = None if model.cost_microusd is None else model.cost_microusd / 1e6
        yield [*blank, name, model.reports, model.input_tokens, model.output_tokens, cost]


def shown(cell: Cell) -> Union[str, int, float]:
    if not isinstance(cell, str):
        return "" if cell is None else cell
    text = ringfence.escape(cell)
    return "'" + text if text.startswith(("=", "+", "-", "@")) else text


def main() -> int:
    parser = argparse.ArgumentParser(prog="usage_to_csv", description="What all runs used, as CSV.")
    parser.add_argument("--live", action="store_true", help="without runs that have ended")
    parser.add_argument("--socket", help="of the daemon; $RINGFENCE_SOCKET without it")
    options = parser.parse_args()
    client = ringfence.Client(options.socket)
    table = csv.writer(sys.stdout, lineterminator="\n")
    try:
        table.writerow(COLUMNS)
        for run in client.runs(ended=not options.live):
            for line in lines_of(client, run):
                table.writerow([shown(cell) for cell in line])
    except ringfence.ControlError as error:
        print(f"usage_to_csv: {ringfence.escape(error.message)}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
