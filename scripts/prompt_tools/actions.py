"""What the commands of scripts/prompts.py do: show what would be, ask, do it, and say how to take it back."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from typing import Any

from backend.core.prompt_documents import FIELDS, as_sql, checksum
from scripts.api import Refused
from scripts.prompt_tools import display
from scripts.prompt_tools.places import Reach, content, is_address, new_key, prompts

Json = dict[str, Any]


def export(given: Namespace, reach: Reach) -> int:
    """Write prompts into a file, or print them."""
    if given.file and not given.sql:
        raise Refused("A file is a document already: add --sql to make SQL of it.")
    text = reach(given.url).export() if given.url else content(given.file).decode("utf-8-sig", "replace")
    if given.sql:
        read = prompts(text.encode(), given.url or given.file)
        made = {"source": json.loads(text).get("source"), "checksum": checksum(read), "prompts": read}
        text = as_sql(made, update=not given.only_new)
    if not given.output:
        sys.stdout.write(text)
        return 0
    try:
        given.output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Refused(f"{given.output}: {error.strerror}") from error
    display.note(f"wrote {given.output}")
    return 0


def load(given: Namespace, reach: Reach) -> int:
    """Import a document."""
    environment, document, key = reach(given.url), content(given.file), new_key()
    asked = {
        "mode": "create" if given.only_new else "update",
        "accept_changed": given.accept_changed,
        "reason": given.reason or f"import of {given.file}",
    }

    def send(*, dry_run: bool) -> Json:
        return environment.load(document, key, **asked, dry_run=dry_run)

    tried = send(dry_run=True)
    if not given.json:
        display.changes(tried["prompts"])
        if tried["kept"]:
            display.say(f"there already, left as they are  {len(tried['kept'])}")
    if given.dry_run or not (tried["created"] or tried["updated"]):
        return _told(given, tried)
    _confirm(given, f"Create {display.counted(tried['created'])} and change {tried['updated']}")
    return _told(given, send(dry_run=False))


def optimize(given: Namespace, reach: Reach) -> int:
    """Show what prompts repeat, and take out what is confirmed."""
    if given.undo:
        return undo(given, reach)
    environment, phrases = reach(given.url), given.remove
    tried = environment.optimize(phrases=phrases, min_prompts=given.min_prompts)
    if given.all:
        phrases = [one["phrase"] for one in tried["findings"]]
    if not given.json:
        display.optimized(tried, confirmed=bool(phrases))
    if given.dry_run or not phrases or not tried["prompts"]:
        return _told(given, tried) if given.json or phrases else 0
    _confirm(given, f"Take it out of {display.counted(len(tried['prompts']))}")
    reason = given.reason or f"repeated phrases: {', '.join(phrases)}"[:500]
    return _told(given, environment.optimize(phrases=phrases, reason=reason, dry_run=False))


def undo(given: Namespace, reach: Reach) -> int:
    """Put prompts back to what they were before a change."""
    environment, reason = reach(given.url), given.reason or "undone with scripts/prompts.py"
    tried = environment.undo(given.undo, reason=reason, dry_run=True)
    if not given.json:
        display.changes(tried["prompts"])
    if given.dry_run:
        return _told(given, tried)
    _confirm(given, f"Put {display.counted(len(tried['prompts']))} back")
    return _told(given, environment.undo(given.undo, reason=reason))


def diff(given: Namespace, reach: Reach) -> int:
    """Compare prompts of two places; 1 when they differ."""
    first, second = _read(given.a, "A", reach), _read(given.b, "B", reach)
    rows = []
    for key in sorted(first.keys() | second.keys()):
        before, after = first.get(key), second.get(key)
        change = "created" if not before else "deleted" if not after else "unchanged" if before == after else "updated"
        rows.append({"key": key, "change": change, "before": before, "after": after})
    differing = [row for row in rows if row["change"] != "unchanged"]
    if given.json:
        print(json.dumps(differing, ensure_ascii=False, indent=2))
    else:
        display.changes(rows)
    return 1 if differing else 0


def _read(place: str, name: str, reach: Reach) -> dict[str, Json]:
    data = reach(place, f"SCRIP_TOKEN_{name}").export().encode() if is_address(place) else content(place)
    return {one["key"]: {field: one.get(field) for field in FIELDS} for one in prompts(data, place)}


def _confirm(given: Namespace, question: str) -> None:
    if given.yes:
        return
    if given.json or not sys.stdin.isatty():
        raise Refused("Nothing was changed: add --yes, as nobody can be asked here.")
    try:
        answer = input(f"{question} at {given.url}? [y/N] ")
    except (EOFError, KeyboardInterrupt):
        answer = "n"
    if answer.strip().lower() not in ("y", "yes"):
        raise Refused("Nothing was changed.")


def _told(given: Namespace, done: Json) -> int:
    """Say what became of it, and how to take it back."""
    if given.json:
        print(json.dumps(done, ensure_ascii=False, indent=2))
    elif done["dry_run"]:
        display.say("Nothing was changed (dry run)." if given.dry_run else "There is nothing to change.")
    elif done.get("change_id"):
        display.say("Done." if done.get("undoes") else f"Done. To take it back: {_way_back(given, done)}")
    return 0


def _way_back(given: Namespace, done: Json) -> str:
    return f"scripts/prompts.py undo {done['change_id']} --url {given.url}"
