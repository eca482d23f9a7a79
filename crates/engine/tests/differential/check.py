"""Answers queries as a person would in DuckDB's SQL, and compares.

    check.py ROUNDS

ROUNDS is the file that `tests/it/differential` writes: data, queries as text and as trees, and the engine's answers.
Nothing of the engine's own ways is used here: datetimes are timestamps and days are read with the database's calendar,
decimals are the database's, and what depends on the clock is worked out with Python's. Exits with 1, and says where,
if an answer differs.
"""

import collections
import datetime
import decimal
import json
import sys
import zoneinfo

import duckdb

TYPES = {
    "text": "VARCHAR",
    "boolean": "BOOLEAN",
    "integer": "BIGINT",
    "decimal": "DECIMAL(28, 8)",
    "date": "DATE",
    "datetime": "TIMESTAMP",
}

# Per base object, how its aliases are joined: an alias stands behind those that it hangs from.
PARENT = {"ParentAccount": ("Account", 'Account."ParentId" = ParentAccount."Id"')}
JOINS = {
    "Account": PARENT,
    "Invoice": {"Account": ("Account", 'Invoice."AccountId" = Account."Id"')} | PARENT,
    "InvoiceItem": {
        "Invoice": ("Invoice", 'InvoiceItem."InvoiceId" = Invoice."Id"'),
        "Account": ("Account", 'Invoice."AccountId" = Account."Id"'),
    }
    | PARENT,
    "Subscription": {
        "Account": ("Account", 'Subscription."AccountId" = Account."Id"'),
        "SubscriptionStatusHistory": (
            "SubscriptionStatusHistory",
            'Subscription."Name" = SubscriptionStatusHistory."SubscriptionNumber"',
        ),
    }
    | PARENT,
    "SubscriptionStatusHistory": {},
}
NEEDS = {
    ("InvoiceItem", "Account"): ["Invoice"],
    ("InvoiceItem", "ParentAccount"): ["Invoice", "Account"],
    ("Invoice", "ParentAccount"): ["Account"],
    ("Subscription", "ParentAccount"): ["Account"],
}

MOST_SHOWN = 5


def main(path):
    with open(path, encoding="utf-8") as file:
        rounds = json.load(file)
    compared = different = 0
    for made in rounds:
        database = load(made["tables"])
        for query in made["queries"]:
            sql = Sql(query["tree"], made["zone"], made["now"]).query()
            try:
                rows = [[shown(value) for value in row] for row in database.execute(sql).fetchall()]
            except duckdb.Error as error:
                rows = [[str(error)]]
            compared += 1
            if not same(rows, query["answer"], "order" in query["tree"]):
                different += 1
                if different <= MOST_SHOWN:
                    print(f"SEED={made['seed']}, in {made['zone']} at {made['now']}")
                    print(f"  {query['text']}\n  {sql}")
                    print(f"  DuckDB: {rows}\n  Aquifer: {query['answer']}\n")
    print(f"{compared} queries, {different} differences")
    return 1 if different else 0


def load(tables):
    database = duckdb.connect()
    database.execute("SET threads = 1")
    for name, table in tables.items():
        columns = ", ".join(f'"{column}" {TYPES[kind]}' for column, kind in table["columns"])
        database.execute(f'CREATE TABLE "{name}" ({columns})')
        if table["rows"]:
            values = ", ".join("?" for _ in table["columns"])
            rows = [[None if cell is None else cell.removesuffix("Z") for cell in row] for row in table["rows"]]
            database.executemany(f'INSERT INTO "{name}" VALUES ({values})', rows)
    return database


def same(rows, answer, ordered):
    if ordered:
        return rows == answer
    def count(rows):
        return collections.Counter(map(tuple, rows))
    return count(rows) == count(answer)


def shown(value):
    """A value in the one form that the answers have."""
    if value is None or isinstance(value, str):
        return average(value) if value and value.startswith("avg ") else value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, decimal.Decimal):
        return plain(value)
    if isinstance(value, datetime.datetime):
        fraction = f".{value.microsecond:06}".rstrip("0").rstrip(".")
        return f"{value:%Y-%m-%dT%H:%M:%S}{fraction}Z"
    return str(value)


def plain(value):
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def average(text):
    """Of `avg SUM COUNT`: exact, then rounded half away from zero at the sixteenth digit behind the point."""
    _, total, count = text.split(" ")
    with decimal.localcontext(prec=80):
        exact = decimal.Decimal(total) / int(count)
        return plain(exact.quantize(decimal.Decimal("1e-16"), rounding=decimal.ROUND_HALF_UP))


class Sql:
    def __init__(self, tree, zone, now):
        self.tree = tree
        self.zone = "America/Los_Angeles" if tree["before_69"] else zone
        self.now = datetime.datetime.fromisoformat(now)

    def query(self):
        tree = self.tree
        columns = ", ".join(self.column(expr) for expr in tree["select"])
        sql = f"SELECT {columns} FROM {self.source()}"
        if "where" in tree:
            sql += f" WHERE {self.condition(tree['where'])}"
        if "group" in tree:
            sql += f" GROUP BY {', '.join(map(self.expr, tree['group']))}"
        if "having" in tree:
            sql += f" HAVING {self.condition(tree['having'])}"
        if "order" in tree:
            order = [
                f"{self.expr(expr)} {'DESC NULLS LAST' if descending else 'ASC NULLS FIRST'}"
                for expr, descending in tree["order"]
            ]
            sql += f" ORDER BY {', '.join(order)}"
        if "limit" in tree:
            offset, count = tree["limit"]
            sql += f" LIMIT {count} OFFSET {offset}"
        return sql

    def source(self):
        base = self.tree["base"]
        named = set(aliases(self.tree)) - {base}
        for alias in list(named):
            named.update(NEEDS.get((base, alias), []))
        joins = [
            f'LEFT JOIN "{table}" {alias} ON {condition}'
            for alias, (table, condition) in JOINS[base].items()
            if alias in named
        ]
        return " ".join([f'"{base}"'] + joins)

    def column(self, expr):
        if expr.get("call") == "avg":
            of = self.expr(expr["of"])
            return f"CASE WHEN count({of}) > 0 THEN 'avg ' || sum({of})::VARCHAR || ' ' || count({of})::VARCHAR END"
        return self.expr(expr)

    def expr(self, expr):
        if "field" in expr:
            alias, name = expr["field"]
            return f'{alias}."{name}"'
        if expr["of"] is None:
            return "count(*)"
        of = self.expr(expr["of"])
        if expr["call"] in ("count", "sum", "max", "min"):
            return f"{expr['call']}({of})"
        day = of if expr["of"]["type"] == "date" else self.day_of(of, self.zone)
        return {
            "date": day,
            "year": f"year({day})",
            "quarter": f"quarter({day})",
            "month": f"month({day})",
            "week": f"strftime({day}, '%U')::INTEGER",
            "weekofyear": f"weekofyear({day})",
        }[expr["call"]]

    def day_of(self, timestamp, zone):
        if isinstance(zone, int):
            return f"({timestamp} + INTERVAL ({zone}) MINUTE)::DATE"
        return f"(({timestamp} AT TIME ZONE 'UTC') AT TIME ZONE '{zone}')::DATE"

    def midnight_of(self, date):
        return f"(({date}::TIMESTAMP AT TIME ZONE '{self.zone}') AT TIME ZONE 'UTC')"

    def condition(self, tree):
        if "and" in tree or "or" in tree:
            ((word, parts),) = tree.items()
            return f" {word.upper()} ".join(f"({self.condition(part)})" for part in parts)
        if "not" in tree:
            return f"NOT ({self.condition(tree['not'])})"
        if "null" in tree:
            return f"{self.expr(tree['null'])} IS {'NOT ' if tree['negated'] else ''}NULL"
        if "like" in tree:
            return f"{self.expr(tree['like'])} LIKE {quoted(tree['pattern'])}"
        if "in" in tree:
            return " OR ".join(self.compare(tree["in"], "=", value) for value in tree["values"])
        left, op, right = tree["compare"]
        return self.compare(left, op, right)

    def compare(self, left, op, right):
        if "type" in right:
            return self.compare_exprs(left, op, right)
        value = self.expr(left)
        if "text" in right:
            return f"{value} {op} {quoted(right['text'])}"
        if "boolean" in right:
            return f"{value} {op} {right['boolean']}"
        if "number" in right:
            return f"{value}::DECIMAL(36, 8) {op} {right['number']}::DECIMAL(36, 8)"
        if "instant" in right:
            if left["type"] == "date":
                value = self.midnight_of(value)
            return f"{value} {op} TIMESTAMP '{self.instant(right):%Y-%m-%d %H:%M:%S.%f}'"
        if left["type"] == "datetime":
            value = self.day_of(value, self.zone if right["zone"] is None else right["zone"])
        return f"{value} {op} DATE '{self.day(right)}'"

    def compare_exprs(self, left, op, right):
        a, b = self.expr(left), self.expr(right)
        types = (left["type"], right["type"])
        if types == ("datetime", "date"):
            a, b = (a, self.midnight_of(b)) if self.tree["before_69"] else (self.day_of(a, self.zone), b)
        if types == ("date", "datetime"):
            a, b = (self.midnight_of(a), b) if self.tree["before_69"] else (a, self.day_of(b, self.zone))
        if sorted(types) == ["decimal", "integer"]:
            a, b = f"{a}::DECIMAL(36, 8)", f"{b}::DECIMAL(36, 8)"
        return f"{a} {op} {b}"

    def day(self, literal):
        if literal["day"] != "today":
            return datetime.date.fromisoformat(literal["day"])
        today = self.now.astimezone(self.calendar(literal["zone"])).date()
        return shifted(today, literal["shift"])

    def instant(self, literal):
        """In UTC."""
        zone = self.calendar(literal["zone"])
        if literal["instant"] != "now":
            return in_utc(datetime.datetime.fromisoformat(literal["instant"]), zone)
        amount, unit = literal["shift"] or (0, "second")
        if unit in ("second", "minute", "hour"):
            return (self.now + datetime.timedelta(**{unit + "s": amount})).replace(tzinfo=None)
        local = self.now.astimezone(zone)
        if amount == 0:
            return self.now.replace(tzinfo=None)
        return in_utc(shifted(local.replace(tzinfo=None, fold=0), (amount, unit)), zone)

    def calendar(self, zone):
        if isinstance(zone, int):
            return datetime.timezone(datetime.timedelta(minutes=zone))
        return zoneinfo.ZoneInfo(zone or self.zone)


def in_utc(local, zone):
    """The first of the instants at which the clock shows this, or what it would be had the clock not been changed."""
    return local.replace(tzinfo=zone).astimezone(datetime.timezone.utc).replace(tzinfo=None)


def shifted(day, shift):
    amount, unit = shift or (0, "day")
    if unit in ("day", "week"):
        return day + datetime.timedelta(**{unit + "s": amount})
    months = day.year * 12 + day.month - 1 + amount * (12 if unit == "year" else 1)
    first = day.replace(year=months // 12, month=months % 12 + 1, day=1)
    last = (first.replace(day=28) + datetime.timedelta(days=4)).replace(day=1) - datetime.timedelta(days=1)
    return first.replace(day=min(day.day, last.day))


def aliases(tree):
    if isinstance(tree, list):
        return [alias for part in tree for alias in aliases(part)]
    if not isinstance(tree, dict):
        return []
    if "field" in tree:
        return [tree["field"][0]]
    return [alias for part in tree.values() for alias in aliases(part)]


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
