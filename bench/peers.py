#!/usr/bin/env python3
"""What others do for the same export. `load_and_export.py` runs it, each time in a process of its own:

    bench/peers.py PEER STORE csv|csv.gz OUT COLUMN…

STORE is a folder with duckdb.db and a Parquet file for every object. Columns are called `Object.Field`; what is not a
field of InvoiceItem is left joined. No peer is asked for an order, as we are not.
"""

import sys

# How an object is joined: its key in an object that stands before it.
JOINS = {"Invoice": "InvoiceItem.InvoiceId", "Account": "Invoice.AccountId", "Subscription": "InvoiceItem.SubscriptionId"}
DATETIMES = "%Y-%m-%dT%H:%M:%S+0000"


def needed(columns):
    """The objects to join, parents first."""
    selected = {name.split(".")[0] for name in columns}
    return [name for name in JOINS if name in selected or (name == "Invoice" and "Account" in selected)]


def from_clause(columns, table):
    joins = [f"left join {table(name)} as {name} on {JOINS[name]} = {name}.Id" for name in needed(columns)]
    return "\n".join([f"from {table('InvoiceItem')} as InvoiceItem", *joins])


def duckdb_copy(columns, table, out):
    names = ", ".join(f'{name} as "{name}"' for name in columns)
    compression = ", compression gzip" if out.endswith(".gz") else ""
    return f"""
        set preserve_insertion_order = false;
        copy (select {names} {from_clause(columns, table)}) to '{out}'
            (format csv, header, timestampformat '{DATETIMES}'{compression});
    """


def duckdb_own(store, columns, out):
    import duckdb

    duckdb.connect(f"{store}/duckdb.db", read_only=True).execute(duckdb_copy(columns, str, out))


def duckdb_parquet(store, columns, out):
    import duckdb

    duckdb.connect().execute(duckdb_copy(columns, lambda name: f"'{store}/{name}.parquet'", out))


def polars(store, columns, out):
    import polars as pl

    def scan(name):
        fields = {JOINS[other] for other in needed(columns)} | {f"{name}.Id", *columns}
        own = [field.split(".")[1] for field in sorted(fields) if field.split(".")[0] == name]
        return pl.scan_parquet(f"{store}/{name}.parquet").select(pl.col(field).alias(f"{name}.{field}") for field in own)

    rows = scan("InvoiceItem")
    for name in needed(columns):
        rows = rows.join(scan(name), left_on=JOINS[name], right_on=f"{name}.Id", how="left", coalesce=False)
    compression = "gzip" if out.endswith(".gz") else "uncompressed"
    rows.select(columns).sink_csv(out, datetime_format=DATETIMES, maintain_order=False, compression=compression)


def chdb(store, columns, out):
    import chdb as clickhouse

    def table(name):
        return f"file('{store}/{name}.parquet')"

    names = ", ".join(f"{name} as `{name}`" for name in columns)
    compression = "gzip" if out.endswith(".gz") else "none"
    clickhouse.query(f"""
        select {names} {from_clause(columns, table)} into outfile '{out}' compression '{compression}' format CSVWithNames
        settings format_csv_null_representation = '', join_use_nulls = 1, date_time_output_format = 'iso'
    """)


PEERS = {"duckdb": duckdb_own, "duckdb parquet": duckdb_parquet, "polars": polars, "chdb": chdb}

if __name__ == "__main__":
    _, peer, store, kind, out, *columns = sys.argv
    PEERS[peer](store, columns, f"{out}.{kind}")
