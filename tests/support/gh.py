"""A stand-in for `gh`, which cannot be had where the tests run: a real program that keeps its state in a file.

It knows the calls that are made here, and refuses every other, and those of the commands in `refusals`, with the
words that stand there. It notes its arguments, so that a test can see that a secret's value is in none of them.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from tasks.documents import as_list, as_object

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.documents import Json

# Through sh, because the path of the Python may hold a space; Python reads the first lines as a text.
PROGRAM = """#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
import json, sys
from pathlib import Path

state = Path({state!r})
known = json.loads(state.read_text())
words = sys.argv[1:]
known["calls"].append(words)
answer, code = None, 0
if not known["logged_in"]:
    print("To get started with GitHub CLI, please run:  gh auth login", file=sys.stderr)
    code = 4
elif words[0] in known["refusals"]:
    print(known["refusals"][words[0]], file=sys.stderr)
    code = 1
elif words[:1] == ["api"]:
    answer = {{"id": 987654, "owner": {{"id": 4242}}}}
elif words[:2] == ["variable", "list"]:
    answer = [{{"name": name, "value": value}} for name, value in known["variables"].items()]
elif words[:2] == ["secret", "list"]:
    answer = [{{"name": name}} for name in known["secrets"]]
elif words[:2] == ["variable", "set"]:
    known["variables"][words[2]] = words[words.index("--body") + 1]
elif words[:2] == ["secret", "set"]:
    known["secrets"][words[2]] = sys.stdin.read()
else:
    code = 1
if answer is not None:
    print(json.dumps(answer))
state.write_text(json.dumps(known))
sys.exit(code)
"""


@dataclass(frozen=True)
class StandIn:
    """The program in a folder of its own, and what it remembers."""

    folder: Path

    @property
    def state(self) -> dict[str, Json]:
        """Everything it remembers."""
        return cast("dict[str, Json]", json.loads((self.folder / "state.json").read_text()))

    @property
    def variables(self) -> dict[str, Json]:
        """The variables that were set."""
        return as_object(self.state["variables"])

    @property
    def secrets(self) -> dict[str, Json]:
        """The secrets that were set, with their values, which GitHub would not tell."""
        return as_object(self.state["secrets"])

    @property
    def calls(self) -> list[list[Json]]:
        """The arguments of each call."""
        return [as_list(each) for each in as_list(self.state["calls"])]

    def remember(self, **changes: Json) -> None:
        """Change what it remembers."""
        (self.folder / "state.json").write_text(json.dumps({**self.state, **changes}))


def make_stand_in(folder: Path) -> StandIn:
    """Write the program; whoever is to find it puts the folder on PATH."""
    state = folder / "state.json"
    state.write_text(json.dumps({"logged_in": True, "variables": {}, "secrets": {}, "calls": [], "refusals": {}}))
    program = folder / "gh"
    program.write_text(PROGRAM.format(python=sys.executable, state=str(state)))
    program.chmod(0o755)
    return StandIn(folder)


def path_with(folder: Path) -> str:
    """Return a PATH on which the folder comes first."""
    return f"{folder}{os.pathsep}{os.environ['PATH']}"
