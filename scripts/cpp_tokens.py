"""A public C++ header of the house as tokens and comments, for scripts/cpp_header.py: what is not known here raises NotRead."""
from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, List, NoReturn, Optional

TOKEN = re.compile(r"""(?P<space>[ \n]+)|(?P<comment>//[^\n]*)|(?P<block>/\*)|(?P<name>[A-Za-z_]\w*)|(?P<number>\.?\d(?:'?[\w.])*)
    |(?P<text>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+')|(?P<mark>::|->|<=>|<<|<=|>=|==|!=|&&|\|\||[][(){}<>;:,.=+*/%&|^!~?-])""", re.X)
DIRECTIVE = re.compile(r"[ ]*#[ ]*([^\n]*?)[ ]*(?=//|\n|$)")
CLOSING = {"(": ")", "[": "]", "{": "}"}


class NotRead(Exception):
    """Where, and what: "FILE:LINE: words"."""


@dataclass(frozen=True)
class Token:
    text: str
    kind: str
    line: int
    begin: int  # in the file
    end: int


@dataclass
class Comment:
    words: str
    column: int
    alone: bool  # in its line
    used: bool = False


class Source:
    """One file, of which tokens are taken one after the other; `shown` is what it is called in errors."""

    def __init__(self, shown: str, text: str) -> None:
        self.shown, self.text = shown, text
        self.tokens: List[Token] = []
        self.comments: Dict[int, Comment] = {}  # by line
        self.at = 0
        self._cut()

    def fail(self, line: int, words: str) -> NoReturn:
        raise NotRead(f"{self.shown}:{line}: {words}")

    def _cut(self) -> None:
        at, line, begins, guards = 0, 1, 0, 0
        while at < len(self.text):
            if at == begins and (found := DIRECTIVE.match(self.text, at)):
                guards += found[1] == "pragma once"
                if found[1] != "pragma once" and not re.fullmatch(r"include <[\w./]+>", found[1]):
                    self.fail(line, f"#{found[1]} is not read here: what is installed has #pragma once, and includes <…> of the standard library")
                at = found.end()
                continue
            one = TOKEN.match(self.text, at)
            if one is None or one.lastgroup == "block":
                self.fail(line, f"what begins with {self.text[at:at + 12].splitlines()[0]!r} is not read here")
            if one.lastgroup == "comment":
                if not re.fullmatch(r"//( .*[^\\])?", one[0]):
                    self.fail(line, "a comment that is not two strokes, a space and words is not read here")
                self.comments[line] = Comment(one[0][3:], at - begins, not self.text[begins:at].strip())
            elif one.lastgroup != "space":
                if one.lastgroup == "text" and self.tokens and self.tokens[-1].end == at and self.tokens[-1].kind == "name":
                    self.fail(line, "text with a prefix is not read here")
                self.tokens.append(Token(one[0], str(one.lastgroup), line, at, one.end()))
            at = one.end()
            if "\n" in one[0]:
                line += one[0].count("\n")
                begins = self.text.rfind("\n", 0, at) + 1
        if guards != 1:
            self.fail(1, "has not one #pragma once")

    # ---- words

    def above(self, line: int) -> List[str]:
        """Of the lines directly above that are words alone and about nothing else."""
        words: List[str] = []
        while (comment := self.comments.get(line - 1)) and comment.alone and not comment.used:
            comment.used = True
            words.insert(0, comment.words)
            line -= 1
        return words

    def behind(self) -> List[str]:
        """After the token that was taken last, if it is the last of its line; and below in the same column."""
        line = self.tokens[self.at - 1].line
        first = self.comments.get(line)
        if first is None or first.used or (self.at < len(self.tokens) and self.tokens[self.at].line == line):
            return []
        words: List[str] = []
        comment: Optional[Comment] = first
        while comment is not None and not comment.used and comment.column == first.column and comment.alone == bool(words):
            comment.used = True
            words.append(comment.words)
            line += 1
            comment = self.comments.get(line)
        return words

    def no_words_within(self, first: int, end: int) -> None:
        """From that line to before the other."""
        for line in range(first, end):
            if line in self.comments:
                self.fail(line, "words in the middle of a declaration: they belong above it, or behind it in its last line")

    def pass_over_words(self, first: int, end: int) -> None:
        """As they are about what nobody outside sees."""
        for line in range(first, end):
            if line in self.comments:
                self.comments[line].used = True

    # ---- tokens

    @property
    def line(self) -> int:
        """Of the token that comes."""
        return self.tokens[min(self.at, len(self.tokens) - 1)].line

    def peek(self, ahead: int = 0) -> str:
        return self.tokens[self.at + ahead].text if self.at + ahead < len(self.tokens) else ""

    def take(self, wanted: str = "") -> Token:
        if self.at >= len(self.tokens):
            self.fail(self.line if self.tokens else 1, f"the file ends where {wanted or 'more'} should come")
        one = self.tokens[self.at]
        if wanted and one.text != wanted:
            self.fail(one.line, f"{one.text!r} where {wanted!r} should come is not read here")
        self.at += 1
        return one

    def skip_bracket(self) -> None:
        """The bracket that begins here, with all in it."""
        first = self.take()
        awaited = [CLOSING[first.text]]
        while awaited:
            if self.peek() == "":
                self.fail(first.line, f"the {first.text!r} of this line is never closed")
            one = self.take()
            if one.text in CLOSING:
                awaited.append(CLOSING[one.text])
            elif one.text in CLOSING.values() and one.text != awaited.pop():
                self.fail(one.line, f"{one.text!r} closes what was not opened")

    def skip_to(self, *ends: str) -> None:
        """Past a value or a type, to what ends it."""
        angles, first = 0, self.line
        while angles > 0 or self.peek() not in ends:
            if self.peek() in ("", ";"):
                self.fail(first, "what begins in this line has no end that is found here")
            if self.peek() in CLOSING:
                self.skip_bracket()
            else:
                angles = self.angles(angles)
                self.take()

    def angles(self, open_ones: int) -> int:
        """How many < are open after the token that comes."""
        if self.peek() == "<" and self.tokens[self.at - 1].kind == "name":
            return open_ones + 1
        return open_ones - 1 if self.peek() == ">" and open_ones > 0 else open_ones

    def written(self, first: int, end: int) -> str:
        """The tokens from `first` to before `end`, in their lines."""
        begin = self.tokens[first].begin
        column = begin - self.text.rfind("\n", 0, begin) - 1
        return re.sub(rf"\n {{0,{column}}}", "\n", self.text[begin:self.tokens[end - 1].end])
