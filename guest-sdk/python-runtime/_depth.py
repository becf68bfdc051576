"""Where a source is nested too deeply, told from its tokens: Python's own compiler and syntax trees run out of stack before they say so."""

import io
import keyword
import token
import tokenize

# What the stack holds, and what of it is taken by each thing that is inside of another one.
MOST = 900
BRACKET = 8
BLOCK = 3
OPERATOR = 2
LAMBDA = 4
DOT = 3
CALL = 2
OPERATORS = {*"+ - * / // % @ ** & | ^ << >> ~ not await".split()}
LOOSE = {"if": OPERATOR, "lambda": LAMBDA}
OPEN = {*"([{"}
CLOSE = {*")]}"}
# Strings with expressions in them.
BEGINS = {token.FSTRING_START, token.TSTRING_START}
ENDS = {token.FSTRING_END, token.TSTRING_END}
SILENT = {token.COMMENT, token.NL}


def too_deep(text: str) -> tuple[int, int] | None:
    """The first such place, if there is one: line and column, from 1. Of a source that is no Python: up to where it ends to be."""
    depth = _Depth()
    try:
        for kind, said, (line, column), _, _ in tokenize.generate_tokens(io.StringIO(text).readline):
            if kind not in SILENT and depth.after(kind, said) > MOST:
                return line, column + 1
    except (SyntaxError, tokenize.TokenError):
        pass
    return None


class _Level:
    """What is between two brackets, up to now: what the next operand is under, and how deep the operands are."""

    __slots__ = ("above", "loose", "tight", "term", "operand", "deepest", "is_call")

    def __init__(self, above: int, is_call: bool = False) -> None:
        self.above = above
        self.is_call = is_call
        self.deepest = self.loose = self.tight = self.term = self.operand = 0

    def depth(self) -> int:
        """How deep it is."""
        # Of `a + b + c`, the first operand is under all operators.
        return max(self.deepest, self.loose + self.tight + self.operand)

    def grow(self, term: int, inside: int = 0) -> None:
        """The operand has one more part, with so much inside of it."""
        self.operand = max(self.operand, self.term + inside, self.term + term)
        self.term += term

    def part(self) -> None:
        """What follows is beside what was before: `and`, `or`."""
        self.deepest = self.depth()
        self.tight = self.term = self.operand = 0


class _Depth:
    """How deep the last token is."""

    def __init__(self) -> None:
        # Of each block, how many `elif` are above.
        self.blocks = [0]
        self.levels = [_Level(0)]
        self.last = ""
        self.is_first = True

    def after(self, kind: int, said: str) -> int:
        """How deep it is with one more token."""
        if kind in (token.NEWLINE, token.INDENT, token.DEDENT):
            self.end(kind)
        elif said in OPEN or kind in BEGINS:
            self.open(said)
        elif (said in CLOSE or kind in ENDS) and len(self.levels) > 1:
            self.close()
        elif self.is_first:
            self.begin(said)
        elif kind in (token.OP, token.NAME):
            self.word(said)
        self.is_first = kind in (token.NEWLINE, token.INDENT, token.DEDENT)
        self.last = said
        return self.levels[-1].above + self.levels[-1].depth()

    def end(self, kind: int) -> None:
        """A statement or a block ends, or a block begins."""
        if kind == token.INDENT:
            self.blocks.append(0)
        elif kind == token.DEDENT:
            self.blocks.pop()
        self.levels = [_Level(BLOCK * len(self.blocks) + sum(self.blocks))]

    def begin(self, said: str) -> None:
        """A statement begins."""
        if said == "elif":
            self.blocks[-1] += OPERATOR
            self.levels[-1].above += OPERATOR
        elif said != "else":
            self.levels[-1].above -= self.blocks[-1]
            self.blocks[-1] = 0
            self.word(said)

    def open(self, said: str) -> None:
        """A bracket."""
        level = self.levels[-1]
        above = level.above + level.loose + level.tight + level.term + BRACKET
        is_name = self.last.isidentifier() and not keyword.iskeyword(self.last)
        self.levels.append(_Level(above, said in OPEN and (is_name or self.last in CLOSE)))

    def close(self) -> None:
        """Its other half."""
        inner = self.levels.pop()
        self.levels[-1].grow(CALL if inner.is_call else 0, BRACKET + inner.depth())

    def word(self, said: str) -> None:
        """A name or an operator."""
        level = self.levels[-1]
        if said in OPERATORS:
            level.tight += OPERATOR
            level.term = 0
        elif said == ".":
            level.grow(DOT)
        elif said in ("and", "or"):
            level.part()
        elif said in (",", ";"):
            level.part()
            level.loose = 0
        elif said in LOOSE and not self.is_first:
            level.loose += LOOSE[said]
