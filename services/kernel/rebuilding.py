"""A projection made anew from what its owner says, beside the one in use, compared with it, and put in its place.

Temporary tables take the names of the service's own on one connection, so that the service's own consumers fill them.
The service goes on meanwhile: a row that changed since the rebuild began was told by a newer event and is left alone;
every other row becomes what the owner said. The tables are locked against writing for that last statement only.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from services.kernel.database import Connection
from services.kernel.outbox import Envelope


@dataclass(frozen=True, slots=True)
class Projection:
    """A table kept from events. ``own``: columns the service adds itself; ``counted`` (SQL over ``{row}``) says which
    rows the owner still tells of.
    """

    table: str
    key: tuple[str, ...]
    own: tuple[str, ...] = ()
    counted: str = "true"


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that is not what its owner says: ``missing``, ``extra`` or ``differs``."""

    table: str
    key: tuple[str, ...]
    what: str


Differences = Mapping[str, Sequence[Difference]]


@dataclass(frozen=True, slots=True)
class Rebuild:
    """How one service's projections are rebuilt.

    ``sources`` are pairs of an owner and the kind of its records; ``take`` is the service's own consumer. Tables in
    ``beside`` are emptied for it too, so that it changes nothing else; ``afterwards`` follows the differences up.
    """

    service: str
    sources: tuple[tuple[str, str], ...]
    projections: tuple[Projection, ...]
    take: Callable[[Connection, Envelope], Awaitable[None]]
    beside: tuple[str, ...] = ()
    afterwards: Callable[[Connection, Differences], Awaitable[None]] | None = None


async def begin(connection: Connection, rebuild: Rebuild) -> None:
    """Remember the tables as they are and put empty ones in front of them."""
    for table in (*(projection.table for projection in rebuild.projections), *rebuild.beside):
        await connection.execute(f"CREATE TEMP TABLE before_{table} AS SELECT * FROM public.{table}")  # noqa: S608
        await connection.execute(f"CREATE TEMP TABLE {table} (LIKE public.{table} INCLUDING ALL)")


async def end(connection: Connection) -> None:
    """Take the temporary tables away."""
    await connection.execute("DISCARD TEMP")


async def differences(connection: Connection, rebuild: Rebuild) -> Differences:
    """Return, by table, the rows in use that are not what the owners say."""
    found: dict[str, Sequence[Difference]] = {}
    for projection in rebuild.projections:
        rows = await connection.fetch(_compare(projection))
        found[projection.table] = [Difference(projection.table, tuple(row["key"]), row["what"]) for row in rows]
    return found


async def replace(connection: Connection, rebuild: Rebuild) -> None:
    """Put what the owners say in place of the rows that differ; needs a transaction."""
    for projection in rebuild.projections:
        table = projection.table
        await connection.execute(f"LOCK TABLE public.{table} IN SHARE ROW EXCLUSIVE MODE")
        rows = await connection.fetch(
            """
            SELECT column_name FROM information_schema.columns
            WHERE table_schema = 'public' AND table_name = $1 ORDER BY ordinal_position
            """,
            table,
        )
        columns = [str(row["column_name"]) for row in rows]
        await connection.execute(_drop_extra(projection))
        await connection.execute(_put(projection, columns))


# Only names from a service's own Rebuild are put into these statements.


def _same(left: str, right: str, key: Sequence[str]) -> str:
    return " AND ".join(f"{left}.{column} = {right}.{column}" for column in key)


def _unlike(projection: Projection) -> str:
    own = "".join(f" - '{column}'" for column in projection.own)
    return f"(to_jsonb(fresh){own}) IS DISTINCT FROM (to_jsonb(used){own})"


def _joined(projection: Projection) -> str:
    return f"""
        FROM pg_temp.{projection.table} AS fresh
        FULL JOIN public.{projection.table} AS used ON {_same("fresh", "used", projection.key)}
        LEFT JOIN before_{projection.table} AS earlier ON {_same("used", "earlier", projection.key)}
    """


_UNTOUCHED = "to_jsonb(used) IS NOT DISTINCT FROM to_jsonb(earlier)"


def _compare(projection: Projection) -> str:
    first = projection.key[0]
    key = ", ".join(f"coalesce(fresh.{column}, used.{column})::text" for column in projection.key)
    return f"""
        SELECT ARRAY[{key}] AS key, CASE
            WHEN used.{first} IS NULL THEN 'missing' WHEN fresh.{first} IS NULL THEN 'extra' ELSE 'differs'
        END AS what
        {_joined(projection)}
        WHERE (used.{first} IS NULL AND {projection.counted.format(row="fresh")})
            OR (fresh.{first} IS NULL AND {projection.counted.format(row="used")} AND {_UNTOUCHED})
            OR (fresh.{first} IS NOT NULL AND used.{first} IS NOT NULL AND {_unlike(projection)} AND {_UNTOUCHED})
        ORDER BY 1
    """


def _drop_extra(projection: Projection) -> str:
    table, key = projection.table, projection.key
    return f"""
        DELETE FROM public.{table} AS used USING before_{table} AS earlier
        WHERE {_same("used", "earlier", key)} AND {_UNTOUCHED} AND {projection.counted.format(row="used")}
            AND NOT EXISTS (SELECT FROM pg_temp.{table} AS fresh WHERE {_same("fresh", "used", key)})
    """  # noqa: S608


def _put(projection: Projection, columns: Sequence[str]) -> str:
    told = [column for column in columns if column not in {*projection.key, *projection.own}]
    sets = ", ".join(f"{column} = excluded.{column}" for column in told)
    return f"""
        INSERT INTO public.{projection.table} ({", ".join(columns)})
        SELECT {", ".join(f"fresh.{column}" for column in columns)}
        {_joined(projection)}
        WHERE fresh.{projection.key[0]} IS NOT NULL AND (
            (used.{projection.key[0]} IS NULL AND {projection.counted.format(row="fresh")})
            OR (used.{projection.key[0]} IS NOT NULL AND {_unlike(projection)} AND {_UNTOUCHED})
        )
        ON CONFLICT ({", ".join(projection.key)}) DO UPDATE SET {sets}
    """
