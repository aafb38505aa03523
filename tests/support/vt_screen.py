"""What a terminal shows after the bytes that a program wrote: enough of xterm and vt100 for full-screen programs.

    screen = VtScreen(24, 80)
    screen.feed(data)
    assert "ready" in screen.text()

A sequence that it does not know is an AssertionError: a picture that may be wrong proves nothing.
"""

from __future__ import annotations

import codecs
import re
import unicodedata

SEQUENCE = re.compile(r"\x1b(?:\[([?>!]?)([\d;]*)([@-~])|[()]([0AB])|([=>78MHcDE])|\][^\x07\x1b]*(?:\x07|\x1b\\))")
MAY_GO_ON = re.compile(r"\x1b(?:\[[?>!]?[\d;]*|[()]|\][^\x07\x1b]*\x1b?)?\Z")
BEHIND_WIDE = ""  # the cell behind a character of two columns


def width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


class VtScreen:
    def __init__(self, rows: int, columns: int) -> None:
        self.alternate = False  # the second screen, which leaves what was on the first one
        self.cursor_visible = True
        self.colours: set[int] = set()  # every colour that was ever asked for
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._rest = ""
        self._last = " "
        self.resize(rows, columns)

    def resize(self, rows: int, columns: int) -> None:
        old = getattr(self, "cells", [])
        self.rows, self.columns = rows, columns
        self.cells = [[" "] * columns for _ in range(rows)]
        for row, line in enumerate(old[:rows]):
            self.cells[row][:len(line)] = line[:columns]
        self.row = min(getattr(self, "row", 0), rows - 1)
        self.column = min(getattr(self, "column", 0), columns - 1)
        self.top, self.bottom = 0, rows - 1

    def lines(self) -> list[str]:
        return ["".join(line).rstrip() for line in self.cells]

    def text(self) -> str:
        return "\n".join(self.lines())

    def feed(self, data: bytes) -> None:
        text = self._rest + self._decoder.decode(data)
        at = 0
        self._rest = ""
        while at < len(text):
            if text[at] != "\x1b":
                self._put(text[at])
                at += 1
                continue
            match = SEQUENCE.match(text, at)
            if not match:
                assert MAY_GO_ON.match(text, at), f"unknown sequence {text[at:at + 12]!r}"
                self._rest = text[at:]
                return
            self._control(match)
            at = match.end()

    def _put(self, character: str) -> None:
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self._down()
        elif character == "\b":
            self.column = max(self.column - 1, 0)
        elif character == "\t":
            self.column = min((self.column // 8 + 1) * 8, self.columns - 1)
        elif character in "\a\x0e\x0f\0":
            pass
        else:
            assert character >= " ", f"control character {character!r} on the screen"
            self._write(character)

    def _write(self, character: str) -> None:
        wide = width(character)
        if wide == 0:
            line, at = self.cells[self.row], self.column - 1
            line[at if line[at] != BEHIND_WIDE else at - 1] += character
            return
        if self.column + wide > self.columns:  # Wraps when the next one is written, not before.
            self.column = 0
            self._down()
        line = self.cells[self.row]
        line[self.column] = character
        if wide == 2:
            line[self.column + 1] = BEHIND_WIDE
        self.column += wide
        self._last = character

    def _down(self) -> None:
        if self.row == self.bottom:
            self._scroll(self.top, 1)
        else:
            self.row = min(self.row + 1, self.rows - 1)

    def _scroll(self, top: int, count: int) -> None:
        for _ in range(abs(count)):
            blank = [" "] * self.columns
            if count > 0:
                del self.cells[top]
                self.cells.insert(self.bottom, blank)
            else:
                del self.cells[self.bottom]
                self.cells.insert(top, blank)

    def _control(self, match: re.Match[str]) -> None:
        private, digits, final, _, single = match.groups()
        if final is None:
            assert single not in tuple("78MHcDE"), f"unknown sequence {match.group()!r}"
            return
        numbers = [int(number or 0) for number in digits.split(";")] if digits else []
        count = max(numbers[0], 1) if numbers else 1
        self.column = min(self.column, self.columns - 1)
        if private:
            self._mode(private, numbers, final)
        elif final == "m":
            self.colours |= {number for number in numbers if 30 <= number <= 37 or 40 <= number <= 47}
        elif final in "lhtc":
            pass  # Insert mode, titles, what it is.
        else:
            self._edit(final, numbers, count)

    def _mode(self, private: str, numbers: list[int], final: str) -> None:
        on = final == "h"
        for number in numbers:
            if number in (47, 1047, 1049):
                self.alternate = on
            elif number == 25:
                self.cursor_visible = on
            else:
                assert number in (1, 4, 7, 12, 1034, 2004), f"unknown mode {private}{number}{final}"

    def _edit(self, final: str, numbers: list[int], count: int) -> None:
        line = self.cells[self.row]
        first = numbers[0] if numbers else 0
        if final in "Hf":
            self.row = min(count, self.rows) - 1
            self.column = min(max(numbers[1] if len(numbers) > 1 else 1, 1), self.columns) - 1
        elif final == "d":
            self.row = min(count, self.rows) - 1
        elif final == "G":
            self.column = min(count, self.columns) - 1
        elif final in "AB":
            self.row = max(0, min(self.rows - 1, self.row + (count if final == "B" else -count)))
        elif final in "CD":
            self.column = max(0, min(self.columns - 1, self.column + (count if final == "C" else -count)))
        elif final == "K":
            begin, end = ((self.column, self.columns), (0, self.column + 1), (0, self.columns))[first]
            line[begin:end] = [" "] * (end - begin)
        elif final == "J":
            self._erase(first)
        elif final == "X":
            end = min(self.column + count, self.columns)
            line[self.column:end] = [" "] * (end - self.column)
        elif final == "@":
            line[self.column:] = ([" "] * count + line[self.column:])[:self.columns - self.column]
        elif final == "P":
            line[self.column:] = (line[self.column + count:] + [" "] * count)[:self.columns - self.column]
        elif final == "b":
            for _ in range(count):
                self._write(self._last)
        elif final == "r":
            self.top = count - 1
            self.bottom = (numbers[1] if len(numbers) > 1 else self.rows) - 1
            self.row = self.column = 0
        elif final in "LM":
            self._scroll(self.row, count if final == "M" else -count)
        elif final in "ST":
            self._scroll(self.top, count if final == "S" else -count)
        else:
            raise AssertionError(f"unknown sequence {final!r} {numbers}")

    def _erase(self, what: int) -> None:
        before = (self.row, self.column)
        for row, line in enumerate(self.cells):
            for column in range(self.columns):
                behind = (row, column) >= before
                if what == 2 or behind == (what == 0) or (what == 1 and (row, column) == before):
                    line[column] = " "
