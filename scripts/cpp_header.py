"""What a public C++ header of the house declares, with signatures and comments as they are written: for scripts/cpp-reference.

The grammar is small and closed: it has what installed headers have, and expects words directly above what they are about, or behind
it in its last line. All else raises NotRead with its place, so that no name is left out in silence: a construct that is not known,
words that are about nothing, a type or a function without words. What is private and the bodies of functions are passed over.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Iterator, List, Optional, Tuple

from cpp_tokens import CLOSING, NotRead, Source

__all__ = ["Declared", "Header", "NotRead", "read"]

SPECIFIERS = {"const", "constexpr", "explicit", "friend", "inline", "mutable", "static", "virtual"}
ACCESS = {"public", "private", "protected"}
# Not within the declaration of a function or a field.
UNKNOWN = ACCESS | {"alignas", "asm", "class", "concept", "decltype", "enum", "export", "extern", "import", "module", "namespace", "requires",
                    "static_assert", "struct", "template", "thread_local", "typedef", "typename", "union", "using", "volatile"}
# No names of what is declared.
KEYWORDS = SPECIFIERS | UNKNOWN | {"auto", "bool", "char", "default", "delete", "double", "final", "float", "int", "long", "noexcept", "operator",
                                   "override", "short", "signed", "unsigned", "void"}


@dataclass
class Declared:
    """`kind`: class, struct, enum class, function, field, alias, enumerator, or declared: a type that is defined elsewhere."""

    kind: str
    name: str  # the top ones' with their namespaces
    signatures: List[str]  # several: functions under the same words
    line: int = 0
    last: int = 0
    above: List[str] = field(default_factory=list)
    behind: List[str] = field(default_factory=list)
    members: List["Declared"] = field(default_factory=list)


@dataclass
class Header:
    words: List[str]
    declared: List[Declared]


class Reader(Source):
    def header(self) -> Header:
        words: List[str] = []
        while (comment := self.comments.get(len(words) + 1)) and comment.alone:
            comment.used = True
            words.append(comment.words)
        if not words:
            self.fail(1, "does not begin with words that say what it is for")
        declared: List[Declared] = []
        while self.peek():
            declared += self._namespace("")
        for line, comment in self.comments.items():
            if not comment.used:
                self.fail(line, "these words are about nothing: they belong directly above a declaration, or behind it in its last line")
        return Header(words, declared)

    def _name(self, what: str) -> str:
        one = self.take()
        if one.kind != "name" or one.text in KEYWORDS:
            self.fail(one.line, f"{one.text!r} where the name of {what} should come is not read here")
        return one.text

    def _namespace(self, outer: str) -> Iterator[Declared]:
        self.take("namespace")
        name = self._name("a namespace")
        while self.peek() == "::":
            self.take()
            name += "::" + self._name("a namespace")
        opening = self.take("{").line
        previous: Optional[Declared] = None
        while self.peek() != "}":
            if self.peek() == "":
                self.fail(opening, f"namespace {name} is never closed")
            if self.peek() == "namespace":
                yield from self._namespace(f"{outer}{name}::")
                previous = None
                continue
            previous, is_new = self._declaration("", previous)
            if is_new:
                previous.name = f"{outer}{name}::{previous.name}"
                yield previous
        comment = self.comments.get(self.take("}").line)
        if comment and comment.words == f"namespace {name}":
            comment.used = True

    def _declaration(self, owner: str, previous: Optional[Declared]) -> Tuple[Declared, bool]:
        """What comes next; or `previous`, and False, where it is one more function under the same words."""
        first = self.line
        if previous is not None and previous.last == first:
            self.fail(first, "two declarations in one line: which of them are the words behind it about?")
        above = self.above(first)
        if self.peek() in ("class", "struct", "enum"):
            one = self._type()
        elif self.peek() == "using":
            one = self._alias()
        else:
            one = self._value(owner)
        one.above, one.line, one.last = above, first, self.tokens[self.at - 1].line
        if one.kind == "declared":
            if above:
                self.fail(first, f"words above {one.name!r} belong where it is defined: here it is only declared")
            return one, True
        one.behind = self.behind()
        if above or one.behind or one.kind == "field":
            return one, True
        goes_on = previous is not None and previous.kind == one.kind == "function" and previous.last + 1 == first
        if previous is None or not goes_on or not previous.above or previous.behind:
            self.fail(first, f"{one.name!r} has no words above it or behind it")
        previous.signatures += one.signatures
        previous.last = one.last
        return previous, False

    # ---- types

    def _type(self) -> Declared:
        begin, kind = self.at, self.take().text
        if kind == "enum":
            self.take("class")
            kind = "enum class"
        name = self._name(f"a {kind}")
        if self.peek() == ";":
            self.take()
            return Declared("declared", name, [])
        if kind == "enum class" and self.peek() == ":":
            self.take()
            self.skip_to("{")
        one = Declared(kind, name, [self.written(begin, self.at)])
        opening = self.take("{").line
        one.members = self._enumerators(opening) if kind == "enum class" else self._members(name, kind == "struct", opening)
        self.take("}")
        self.take(";")
        return one

    def _enumerators(self, opening: int) -> List[Declared]:
        found: List[Declared] = []
        last = opening
        while self.peek() != "}":
            begin, line = self.at, self.line
            one = Declared("enumerator", self._name("a value of an enum"), [], line, above=[] if line == last else self.above(line))
            if self.peek() == "=":
                self.take()
                self.skip_to(",", "}")
            one.signatures = [self.written(begin, self.at)]
            if self.peek() != "}":
                self.take(",")
            self.no_words_within(line, self.tokens[self.at - 1].line)
            one.behind = self.behind()
            if one.behind and line == last:
                self.fail(line, "two values in one line: which of them are the words behind it about?")
            last = self.tokens[self.at - 1].line
            found.append(one)
        return found

    def _members(self, owner: str, is_public: bool, opening: int) -> List[Declared]:
        found: List[Declared] = []
        previous: Optional[Declared] = None
        while self.peek() != "}":
            if self.peek() == "":
                self.fail(opening, f"{owner} is never closed")
            if self.peek() in ACCESS:
                if self.peek() == "protected":
                    self.fail(self.line, "'protected' is not read here")
                is_public, previous = self.take().text == "public", None
                self.take(":")
            elif not is_public:
                self._skip_private(owner, opening)
                if not found and self.peek() == "}":
                    self.fail(opening, f"{owner} has nothing that is public: what is it for?")
            elif self.peek() == "friend" and self.peek(1) in ("class", "struct"):
                self.take()
                self.take()
                self._name("a friend")
                self.take(";")
            else:
                previous, is_new = self._declaration(owner, previous)
                if is_new:
                    found.append(previous)
        return found

    def _skip_private(self, owner: str, opening: int) -> None:
        """To the end of the class, or to what is public again."""
        first = self.tokens[self.at - 1].line
        while self.peek() != "}" and self.peek() not in ACCESS:
            if self.peek() == "":
                self.fail(opening, f"{owner} is never closed")
            if self.peek(1) == ":" and self.tokens[self.at - 1].text in ("{", "}", ";", ":"):
                self.fail(self.line, f"'{self.peek()}:' is not read here")
            if self.peek() in CLOSING:
                self.skip_bracket()
            else:
                self.take()
        self.pass_over_words(first, self.line)

    def _alias(self) -> Declared:
        begin, line = self.at, self.line
        self.take("using")
        name = self._name("an alias")
        self.take("=")
        self.skip_to(";")
        self.no_words_within(line, self.line)
        signature = self.written(begin, self.at)
        self.take(";")
        return Declared("alias", name, [signature])

    # ---- functions and fields

    def _value(self, owner: str) -> Declared:
        """They differ in what comes after the type and the name: a bracket of parameters, or something else."""
        begin, angles = self.at, 0
        first = self.tokens[begin]
        while self.peek() == "[" and self.peek(1) == "[":
            self.skip_bracket()
        typed = self.at
        while angles > 0 or self.peek() not in ("(", "[", "{", "=", ";", ",", "operator"):
            one = self.take()
            self.at -= 1
            is_name = one.kind == "name" and one.text not in UNKNOWN
            if angles > 0 and one.text in ("(", "["):
                self.skip_bracket()
                continue
            within = angles > 0 and (one.kind == "number" or one.text == ",")
            destroys = one.text == "~" and self.peek(1) == owner
            if not (is_name or within or destroys or one.text in ("::", "<", ">", "*", "&", "&&")):
                self.fail(one.line, f"{one.text!r}, in what begins with {first.text!r}, is not read here")
            angles = self.angles(angles)
            self.take()
        return self._function(owner, begin, typed) if self.peek() in ("(", "operator") else self._fields(begin, typed)

    def _is_type(self, first: int, end: int) -> bool:
        return any(one.kind == "name" and one.text not in SPECIFIERS for one in self.tokens[first:end])

    def _function(self, owner: str, begin: int, typed: int) -> Declared:
        line, name_at = self.tokens[begin].line, self.at
        if self.peek() == "operator":
            self.take()
            if self.peek() == "(":
                self.skip_bracket()
            while self.peek() != "(":
                one = self.take()
                if one.kind not in ("name", "mark") or one.text in ("{", "}", ";", ","):
                    self.fail(one.line, f"{one.text!r} in the name of an operator is not read here")
        else:
            name_at -= 1
            named = self.tokens[name_at]
            if name_at < typed or named.kind != "name" or named.text in KEYWORDS:
                self.fail(line, f"a bracket behind {named.text!r} is not read here")
            name_at -= name_at > typed and self.tokens[name_at - 1].text == "~"
            if named.text != owner and not self._is_type(typed, name_at):
                self.fail(line, f"{named.text!r} has no type: a macro, or a pointer to a function, is not read here")
        if name_at > typed and self.tokens[name_at - 1].text == "::":
            self.fail(line, "what was declared elsewhere, or a pointer to a function, is not read here")
        name = self.written(name_at, self.at)
        self.skip_bracket()
        self._after_parameters(name)
        signature = self.written(begin, self.at)
        self.no_words_within(line, self.tokens[self.at - 1].line)
        if self.peek() == ":":
            self._initializers(name)
        if self.peek() == ";":
            self.take()
            return Declared("function", name, [signature])
        if self.peek() != "{":
            self.fail(self.line, f"{self.peek()!r} after {name!r} is not read here")
        body = self.line
        self.skip_bracket()
        last = self.tokens[self.at - 1].line
        self.no_words_within(line, body + 1 if body < last else body)
        self.pass_over_words(body, last)
        return Declared("function", name, [signature])

    def _after_parameters(self, name: str) -> None:
        while self.peek() in ("const", "noexcept", "override", "final", "&", "&&"):
            if self.take().text == "noexcept" and self.peek() == "(":
                self.skip_bracket()
        if self.peek() == "->":
            self.skip_to(";", "{")
        elif self.peek() == "=":
            self.take()
            if self.take().text not in ("default", "delete", "0"):
                self.fail(self.tokens[self.at - 1].line, f"'= {self.tokens[self.at - 1].text}' after {name!r} is not read here")

    def _initializers(self, name: str) -> None:
        comes = ":"
        while self.peek() == comes:
            self.take()
            self._name(f"what {name!r} begins")
            if self.peek() not in ("(", "{"):
                self.fail(self.line, f"{self.peek()!r} in how {name!r} begins is not read here")
            self.skip_bracket()
            comes = ","

    def _fields(self, begin: int, typed: int) -> Declared:
        line = self.tokens[begin].line
        names: List[str] = []
        while True:
            named = self.tokens[self.at - 1]
            if named.kind != "name" or named.text in KEYWORDS or not (names or self._is_type(typed, self.at - 1)):
                self.fail(line, f"what begins with {self.tokens[begin].text!r} has no type and name that are read here")
            names.append(named.text)
            while self.peek() == "[":
                self.skip_bracket()
            if self.peek() == "{":
                self.skip_bracket()
            elif self.peek() == "=":
                self.take()
                self.skip_to(",", ";")
            if self.peek() == ";":
                break
            self.take(",")
            while self.peek() in ("*", "&"):
                self.take()
            self.take()
        self.no_words_within(line, self.line)
        signature = self.written(begin, self.at)
        self.take(";")
        return Declared("field", ", ".join(names), [signature])


def read(shown: str, text: str) -> Header:
    """`shown`: what the file is called in errors. Raises NotRead."""
    return Reader(shown, text).header()
