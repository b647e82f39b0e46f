"""Expand, then contract: a new schema must carry the released code, because both run while a canary does.

squawk (`make lint`) judges locks and the plainest breaks of every migration. Here those that came since the release
are judged by what they take away, parsed by PostgreSQL's own parser. Taking away is for a file of its own, called
OWNER-NNNN.contract-WHAT.sql, in a release after the one that stopped needing it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import pglast
from pglast import ast
from pglast.enums import AlterTableType, ConstrType, ObjectType

from pipelines.findings import Finding

CONTRACT = "contract-"
DROPPED = {
    ObjectType.OBJECT_TABLE: "table", ObjectType.OBJECT_VIEW: "view", ObjectType.OBJECT_MATVIEW: "materialized view",
    ObjectType.OBJECT_TYPE: "type", ObjectType.OBJECT_FUNCTION: "function", ObjectType.OBJECT_SEQUENCE: "sequence",
    ObjectType.OBJECT_SCHEMA: "schema", ObjectType.OBJECT_DOMAIN: "domain",
}  # fmt: skip
# Which no statement of a service calls by name.
UNNAMED = {ObjectType.OBJECT_INDEX, ObjectType.OBJECT_TRIGGER}
FILLED = {ConstrType.CONSTR_DEFAULT, ConstrType.CONSTR_IDENTITY, ConstrType.CONSTR_GENERATED}
DEMANDED = {ConstrType.CONSTR_NOTNULL, ConstrType.CONSTR_PRIMARY}
APART = f"in a file of its own, OWNER-NNNN.{CONTRACT}WHAT.sql, once no released code needs it"


def judge(released: Mapping[str, str], now: Mapping[str, str]) -> list[Finding]:
    """Return what is wrong with the migrations (text by path) that came, changed or went since the release."""
    found = [
        Finding(path, "", "was released and is gone", "put it back: databases have it")
        for path in sorted(released.keys() - now.keys())
    ]
    found += [
        Finding(path, "", "was released and has changed", "change it back, and add a migration")
        for path in sorted(released.keys() & now.keys())
        if released[path] != now[path]
    ]
    new = sorted(now.keys() - released.keys())
    made: dict[str, set[str]] = {}
    for path in new:
        folder = str(PurePosixPath(path).parent)
        found += _of(path, now[path], made.setdefault(folder, set()))
    return [*found, *_together(new)]


def contracts(path: str) -> bool:
    """Say whether a migration is one that takes away."""
    return PurePosixPath(path).name.partition(".")[2].startswith(CONTRACT)


def _together(new: list[str]) -> Iterator[Finding]:
    for path in new:
        beside = [o for o in new if PurePosixPath(o).parent == PurePosixPath(path).parent and not contracts(o)]
        if contracts(path) and beside:
            names = ", ".join(PurePosixPath(one).name for one in beside)
            yield Finding(path, "", f"takes away in the same release in which {names} adds", "release that first")


def _of(path: str, text: str, made: set[str]) -> Iterator[Finding]:
    """Judge one file; ``made`` are the tables that came with it or before it since the release, and gathers more."""
    try:
        statements = pglast.parse_sql(text)
    except pglast.parser.ParseError as fault:
        yield Finding(path, "", f"PostgreSQL does not understand it: {fault.args[0]}", "mend it")
        return
    for raw in statements:
        if isinstance(raw.stmt, ast.CreateStmt):
            made.add(_table(raw.stmt.relation))
        for what in _taken(raw.stmt, made):
            if not contracts(path):
                start = raw.stmt_location or 0
                line = text.count("\n", 0, start + _leading(text, start)) + 1
                yield Finding(path, f"line {line}", what, APART)


def _leading(text: str, start: int) -> int:
    """Return how far the statement itself is from where the parser begins it: blanks and comments lie before it."""
    at = start
    while at < len(text) and (text[at].isspace() or text.startswith("--", at)):
        at = text.find("\n", at) + 1 if text.startswith("--", at) else at + 1
    return at - start


def _taken(statement: ast.Node | None, made: set[str]) -> Iterator[str]:
    """Say what a statement takes away from code that knows the schema before it."""
    if isinstance(statement, ast.DropStmt) and statement.removeType in DROPPED:
        names = [".".join(str(part.sval) for part in one) for one in _names(statement)]
        if gone := [name for name in names if name not in made]:
            yield f"drops {DROPPED[statement.removeType]} {', '.join(gone)}"
    elif isinstance(statement, ast.RenameStmt) and _table(statement.relation) not in made:
        if statement.renameType in UNNAMED:
            return
        thing = "column" if statement.renameType == ObjectType.OBJECT_COLUMN else "table, type or constraint"
        yield f"renames {thing} {statement.subname or _table(statement.relation)} to {statement.newname}"
    elif isinstance(statement, ast.AlterEnumStmt) and statement.oldVal:
        yield f"renames value {statement.oldVal} to {statement.newVal}"
    elif isinstance(statement, ast.TruncateStmt):
        yield "empties a table"
    elif isinstance(statement, ast.AlterTableStmt) and _table(statement.relation) not in made:
        for command in statement.cmds or ():
            yield from _altered(_table(statement.relation), command)


def _altered(table: str, command: ast.AlterTableCmd) -> Iterator[str]:
    kinds = {one.contype for one in getattr(command.def_, "constraints", None) or ()}
    if command.subtype == AlterTableType.AT_DropColumn:
        yield f"drops column {table}.{command.name}"
    elif command.subtype == AlterTableType.AT_AlterColumnType:
        yield f"changes the type of {table}.{command.name}"
    elif command.subtype == AlterTableType.AT_SetNotNull:
        yield f"demands a value in {table}.{command.name}"
    elif command.subtype == AlterTableType.AT_ColumnDefault and command.def_ is None:
        yield f"drops the default of {table}.{command.name}"
    elif isinstance(command.def_, ast.ColumnDef) and kinds & DEMANDED and not kinds & FILLED:
        yield f"adds {table}.{command.def_.colname}, which must have a value, without a default"


def _names(statement: ast.DropStmt) -> Iterator[tuple[Any, ...]]:
    for one in statement.objects or ():
        if isinstance(one, ast.TypeName):
            yield one.names or ()
        elif isinstance(one, ast.ObjectWithArgs):
            yield one.objname or ()
        else:
            yield one if isinstance(one, tuple) else (one,)


def _table(relation: ast.RangeVar | None) -> str:
    return (relation.relname or "") if relation is not None else ""
