"""A command line that Invoke cannot read: told with what was meant, and with the exit code of a wrong usage.

Invoke itself would print `No idea what '--sevice' is!` and end with 1, which here is a defect in the tool.
"""

from __future__ import annotations

import re
import sys
from copy import deepcopy
from typing import TYPE_CHECKING

from invoke import ParseError, Program
from invoke.parser import Parser

from tasks.command import end
from tasks.errors import UsageError, suggestion

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from invoke import Collection
    from invoke.parser import ParserContext

INVOKE = re.compile(r"(^|/)inv(oke)?(-[\d.]+)?$|/invoke/__main__\.py$")
LIST = "Run ./inv --list for all of them."
UNKNOWN = re.compile(r"No idea what '(?P<word>.*)' is!")
VALUE_MISSING = re.compile(r"Flag <Argument: (?P<flag>[\w-]+)\b.*> needed value and was not given one!")


class UnknownTaskError(UsageError):
    """No task has that name."""

    def __init__(self, word: str, known: Sequence[str]) -> None:
        super().__init__(f"There is no task '{word}'.{suggestion(word, known)}", fix=LIST)


class UnknownOptionError(UsageError):
    """A task does not have that option, or no task was named before it."""

    def __init__(self, word: str, context: ParserContext) -> None:
        task = context.name or "inv"
        known = [flag for flag in context.flags if flag.startswith("--")]
        name = word.partition("=")[0]
        super().__init__(f"{task} has no option '{name}'.{suggestion(name, known)}", fix=_help(context))


class StrayWordError(UsageError):
    """A word after a task is neither an option nor a task."""

    def __init__(self, word: str, context: ParserContext, known: Sequence[str]) -> None:
        near = suggestion(word, known) or " Options are written --name=value, for example --service=backend."
        super().__init__(f"{context.name}: '{word}' is no option and no task.{near}", fix=_help(context))


class ValueMissingError(UsageError):
    """An option stands without its value."""

    def __init__(self, flag: str, context: ParserContext) -> None:
        super().__init__(f"{context.name or 'inv'}: --{flag} needs a value: --{flag}=…", fix=_help(context))


class UnreadableError(UsageError):
    """Something else that Invoke could not read, in its words."""

    def __init__(self, told: str) -> None:
        super().__init__(f"The command line cannot be read: {told}", fix=LIST)


def refuse_unreadable(tasks: Collection) -> None:
    """End the process when Invoke could not read its command line; Invoke loads the tasks right before it does."""
    if not INVOKE.search(sys.argv[0]):
        return
    try:
        # of a copy: a task gives its options' help away with the first contexts that are made of it
        check(deepcopy(tasks).to_contexts(), sys.argv[1:])
    except UsageError as error:
        end(error, as_json="--json" in sys.argv)


def check(contexts: Iterable[ParserContext], arguments: Sequence[str]) -> None:
    """Refuse arguments that Invoke would not understand.

    Raises:
        UnknownTaskError: a task is misspelled, also after `--help`.
        UnknownOptionError, StrayWordError, ValueMissingError: what follows a task is.
        UnreadableError: Invoke complains of something else.
    """
    initial = Program().initial_context
    parser = Parser(initial=initial, contexts=list(contexts))
    try:
        # as Invoke does it: first its own options, as far as it knows them, then the tasks with theirs
        core = Parser(initial=initial, ignore_unknown=True).parse_argv(list(arguments))
        parser.parse_argv(core.unparsed)
    except ParseError as error:
        raise _explained(error, list(parser.contexts)) from error
    asked = core[0].args.help.value
    if isinstance(asked, str) and asked not in parser.contexts:
        raise UnknownTaskError(asked, list(parser.contexts))


def _explained(error: ParseError, tasks: Sequence[str]) -> UsageError:
    """Return what the parser's complaint means to somebody who does not know Invoke."""
    told, context = str(error), error.context
    if context and (found := VALUE_MISSING.fullmatch(told)):
        return ValueMissingError(found["flag"], context)
    if context and (found := UNKNOWN.fullmatch(told)):
        if found["word"].startswith("-"):
            return UnknownOptionError(found["word"], context)
        if context.name:
            return StrayWordError(found["word"], context, tasks)
        return UnknownTaskError(found["word"], tasks)
    return UnreadableError(told)


def _help(context: ParserContext) -> str:
    """Where the options are listed."""
    if context.name:
        return f"Run ./inv --help {context.name} for its options."
    return "Options follow their task. Run ./inv --list for all tasks, ./inv --help TASK for one's options."
