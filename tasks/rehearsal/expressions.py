"""GitHub's expressions, `${{ ... }}`, as far as workflows that deploy need them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.documents import as_object
from tasks.errors import UsageError, suggestion

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tasks.documents import Json

OPENED = re.compile(r"\$\{\{[^\n]*")
EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?[0-9]+(?:\.[0-9]+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_-]*)"
    r"|(?P<sign>==|!=|&&|\|\||[!().,]))"
)
STATUS = ("success", "failure", "always", "cancelled")
LITERALS: Mapping[str, Json] = {"true": True, "false": False, "null": None}


class ExpressionError(UsageError):
    """An expression that GitHub would refuse, or that is not played here."""

    def __init__(self, text: str, problem: str) -> None:
        super().__init__(
            f"The expression '{text.strip()}' {problem}.",
            fix="Correct it in the workflow; docs/runbook.md says what a rehearsal can play.",
        )


def interpolate(text: str, contexts: Mapping[str, Json]) -> str:
    """Return a text with each `${{ ... }}` in it replaced.

    Args:
        text: what the workflow says.
        contexts: `github`, `vars`, `secrets` and so on; what one does not hold is empty, as on GitHub.

    Raises:
        ExpressionError: an expression is malformed, or names an unknown context or function.
    """
    if opened := OPENED.search(EXPRESSION.sub("", text)):
        raise ExpressionError(opened[0].strip(), "is not closed by '}}'")
    return EXPRESSION.sub(lambda found: as_text(evaluate(found[1], contexts)), text)


def condition(text: str, contexts: Mapping[str, Json]) -> bool:
    """Return whether a step with this `if` runs; without a status function in it, only after success.

    https://docs.github.com/en/actions/reference/workflows-and-actions/expressions#status-check-functions
    """
    found = EXPRESSION.fullmatch(text.strip())
    bare = found[1] if found else text
    decided = any(re.search(rf"\b{name}\s*\(", bare) for name in STATUS)
    return (decided or _status(contexts) == "success") and _truth(evaluate(bare or "true", contexts))


def evaluate(text: str, contexts: Mapping[str, Json]) -> Json:
    """Return the value of what stands between `${{` and `}}`; raises as `interpolate` does."""
    parser = _Parser(text, contexts, _tokens(text))
    value = parser.either()
    parser.end()
    return value


def as_text(value: Json) -> str:
    """Return a value as GitHub writes it into a text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


@dataclass
class _Parser:
    text: str
    contexts: Mapping[str, Json]
    tokens: list[tuple[str, str]]

    def either(self) -> Json:
        value = self._both()
        while self._take("||"):
            other = self._both()
            value = value if _truth(value) else other
        return value

    def end(self) -> None:
        if self.tokens:
            raise ExpressionError(self.text, f"goes on with '{self.tokens[0][1]}' where it should end")

    def _both(self) -> Json:
        value = self._equal()
        while self._take("&&"):
            other = self._equal()
            value = other if _truth(value) else value
        return value

    def _equal(self) -> Json:
        value = self._single()
        while self.tokens and self.tokens[0][1] in {"==", "!="}:
            _, sign = self.tokens.pop(0)
            value = _same(value, self._single()) == (sign == "==")
        return value

    def _single(self) -> Json:
        if self._take("!"):
            return not _truth(self._single())
        if self._take("("):
            value = self.either()
            self._insist(")")
            return value
        kind, token = self.tokens.pop(0) if self.tokens else ("", "")
        if kind == "text":
            return token[1:-1].replace("''", "'")
        if kind == "number":
            return float(token)
        if kind != "name":
            problem = f"has '{token}' where a value should be" if token else "ends too early"
            raise ExpressionError(self.text, problem)
        return self._named(token)

    def _named(self, name: str) -> Json:
        if name in LITERALS:
            return LITERALS[name]
        if self._take("("):
            return self._call(name)
        if name not in self.contexts:
            raise ExpressionError(self.text, f"names no known context.{suggestion(name, tuple(self.contexts))}")
        value = self.contexts[name]
        while self._take("."):
            kind, key = self.tokens.pop(0) if self.tokens else ("", "")
            if kind != "name":
                raise ExpressionError(self.text, "has no name after a dot")
            # GitHub compares names without regard to case
            value = next((each for known, each in as_object(value).items() if known.lower() == key.lower()), None)
        return value

    def _call(self, name: str) -> Json:
        given: list[Json] = []
        while not self._take(")"):
            given.append(self.either())
            if self.tokens and self.tokens[0][1] != ")":
                self._insist(",")
        if name in STATUS:
            return name == "always" or name == _status(self.contexts)
        if name not in FUNCTIONS or len(given) != 2:
            raise ExpressionError(self.text, f"calls {name}(), which is not played here in that form")
        return FUNCTIONS[name](as_text(given[0]).lower(), as_text(given[1]).lower())

    def _take(self, sign: str) -> bool:
        if self.tokens and self.tokens[0] == ("sign", sign):
            self.tokens.pop(0)
            return True
        return False

    def _insist(self, sign: str) -> None:
        if not self._take(sign):
            raise ExpressionError(self.text, f"lacks a '{sign}'")


FUNCTIONS: Mapping[str, Callable[[str, str], bool]] = {
    "startsWith": lambda text, part: text.startswith(part),
    "endsWith": lambda text, part: text.endswith(part),
    "contains": lambda text, part: part in text,
}


def _tokens(text: str) -> list[tuple[str, str]]:
    found, position, bare = list[tuple[str, str]](), 0, text.rstrip()
    while position < len(bare):
        match = TOKEN.match(bare, position)
        if match is None or match.lastgroup is None:
            raise ExpressionError(text, f"has '{bare[position:].strip()[:1]}', which is not played here")
        found.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return found


def _truth(value: Json) -> bool:
    return value not in (None, False, 0, "")


def _same(left: Json, right: Json) -> bool:
    """Compare as GitHub does, without regard to case; a text and a number as numbers are not needed here."""
    return as_text(left).lower() == as_text(right).lower()


def _status(contexts: Mapping[str, Json]) -> str:
    return as_text(as_object(contexts.get("job")).get("status")) or "success"
