#!/usr/bin/env python3
"""Writes Account.csv, Subscription.csv, Invoice.csv and InvoiceItem.csv: billing data of any size, the same for the same seed.

    bench/make_data.py DIR ITEMS [--seed N] [--processes N]

Five items an invoice, twelve invoices and one subscription an account, on average; the items of an invoice stand next to each other.
Names and headers are those of the built-in catalog. Standard library only; a million items take some ten seconds on one core.
"""

import argparse
import multiprocessing
import os
import random
import sys
import time

# Items are made in chunks that know nothing of each other. Fixed, so that the number of processes changes no byte.
CHUNK = 50_000
ITEMS_PER_ACCOUNT = 60
# 2020-01-01T00:00:00Z. An item may begin an invoice, so there is one possible invoice every STEP seconds.
EPOCH = 1_577_836_800
STEP = 15
CHARGES = 400

ACCOUNT = ["Id", "AccountNumber", "Name", "Currency", "Status", "Batch", "BillCycleDay", "Balance", "AutoPay",
           "CrmId", "CreatedDate", "UpdatedDate"]
SUBSCRIPTION = ["Id", "AccountId", "Name", "Status", "TermType", "ContractEffectiveDate", "Version", "CreatedDate",
                "UpdatedDate"]
INVOICE = ["Id", "AccountId", "InvoiceNumber", "InvoiceDate", "DueDate", "TargetDate", "Amount", "AmountWithoutTax",
           "TaxAmount", "Balance", "Status", "PostedDate", "CreatedDate", "UpdatedDate"]
ITEM = ["Id", "InvoiceId", "SubscriptionId", "SubscriptionNumber", "ChargeName", "ChargeNumber", "ChargeAmount",
        "TaxAmount", "Quantity", "UnitPrice", "UOM", "ChargeDate", "ServiceStartDate", "ServiceEndDate",
        "ProcessingType", "AccountingCode", "SKU", "TaxCode", "TaxMode", "CreatedDate", "UpdatedDate"]


# The originals' ids begin with something of the server that made the record; a tenant's records come from several.
SERVERS = ["8ad0", "8ad1", "2c92", "2c91", "8a12", "8ac6"]


def record_id(kind, place):
    """32 hex digits: a server's mark, the time of the record in milliseconds, a counter."""
    server = SERVERS[place // 1000 % len(SERVERS)]
    return f"{server}{kind:04x}{(EPOCH + place * STEP) * 1000:016x}{place:08x}"


def money(cents):
    """The shortest plain form: 77.86, 1.5, 9."""
    units, rest = divmod(cents, 100)
    if rest == 0:
        return str(units)
    return f"{units}.{rest // 10}" if rest % 10 == 0 else f"{units}.{rest:02d}"


def instant(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(seconds))


def day(seconds):
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


def charges(seed):
    """What is sold: (cents, text up to the charge number, text of the unit, text from the processing type on)."""
    rng = random.Random(f"charges {seed}")
    names = ["Platform fee", "Seats", "API calls", "\"Support, premium\"", "Überlassung – Größe L", "Storage",
             "\"Add-on \"\"Insights\"\"\"", "Data transfer out", "Onboarding", "Messages 1k"]
    made = []
    for n in range(CHARGES):
        code = rng.choice(["4000-Subscription", "4010-Usage", "4020-Services", ""])
        tax, mode = rng.choice([("VAT-S", "TaxExclusive"), ("US-SaaS", "TaxExclusive"), ("VAT-R", "TaxInclusive"), ("", "")])
        processing = 0 if rng.random() < 0.9 else 1
        made.append((
            rng.choice([99, 500, 1250, 4900, 9999, 19900, 120000, 7, 1]),
            rng.choice(names),
            rng.choice(["Each", "User", "GB", "Call", ""]),
            f"{processing},{code},SKU-{n:05d},{tax},{mode}",
        ))
    return made


def accounts_of(items):
    return items // ITEMS_PER_ACCOUNT + 1


def account_rows(seed, items):
    rng = random.Random(f"accounts {seed}")
    words = ["Acme", "Globex", "Initech", "Umbrella", "Hooli", "Vandelay", "Stark", "Wayne", "Müller & Söhne", "Café Ø"]
    # A comma is quoted, so the name is finished here.
    names = ["{} {} Inc.", "{} {} GmbH", "{} {} Ltd", "{} {} S.A.", "\"{} {}, Holdings\"", "{} {} AG"]
    for n in range(accounts_of(items)):
        name = rng.choice(names).format(rng.choice(words), n)
        created = instant(EPOCH - 86_400 + n % 86_400)
        yield (f"{record_id(0xacc, n)},A{n:08d},{name},{rng.choice(['USD', 'EUR', 'JPY'])},Active,"
               f"Batch{rng.randrange(1, 51)},{rng.randrange(1, 29)},{money(rng.randrange(10_000_000))},"
               f"{rng.choice(['true', 'false'])},{'' if n % 3 else f'001{n:012d}'},{created},{created}\n")


def subscription_rows(seed, items):
    rng = random.Random(f"subscriptions {seed}")
    for n in range(accounts_of(items)):
        begun = EPOCH - 86_400 + n % 86_400
        created = instant(begun)
        yield (f"{record_id(0x5b5, n)},{record_id(0xacc, n)},A-S{n:08d},{rng.choice(['Active', 'Active', 'Cancelled'])},"
               f"{rng.choice(['TERMED', 'EVERGREEN'])},{day(begun)},{rng.randrange(1, 9)},{created},{created}\n")


def chunk(job):
    """The invoices and items of one chunk, as two byte strings."""
    seed, items, start, end = job
    rng = random.Random(f"items {seed} {start}")
    uniform = rng.random
    sold = charges(seed)
    accounts = accounts_of(items)
    invoices, lines = [], []
    place = start
    while place < end:
        # One invoice, named after the place of its first item.
        begun = EPOCH + place * STEP
        created, today, due, later = instant(begun), day(begun), day(begun + 30 * 86_400), day(begun - 30 * 86_400)
        # Most items are never touched again.
        updated = created if uniform() < 0.8 else instant(begun + int(uniform() * 5_000_000))
        invoice_id = record_id(0x104, place)
        account = int(uniform() * accounts)
        subscription = f"{record_id(0x5b5, account)},A-S{account:08d}"
        total = total_tax = 0
        last = min(place + 1 + int(uniform() * 9), end)
        for item in range(place, last):
            cents, name, unit, rest = sold[int(uniform() * CHARGES)]
            quantity = 1 + int(uniform() * uniform() * 200)
            amount = cents * quantity
            tax = amount * 19 // 100 if uniform() < 0.6 else 0
            total += amount
            total_tax += tax
            number = f"C-{item:08d}" if uniform() < 0.9 else ""
            lines.append(f"{record_id(0x17e3, item)},{invoice_id},{subscription},{name},{number},{money(amount)},"
                         f"{money(tax)},{quantity},{money(cents)},{unit},{created},{later},{today},{rest},{created},"
                         f"{updated}\n")
        invoices.append(f"{invoice_id},{record_id(0xacc, account)},INV{place:09d},{today},{due},{today},"
                        f"{money(total + total_tax)},{money(total)},{money(total_tax)},0,Posted,{created},{created},"
                        f"{updated}\n")
        place = last
    return "".join(invoices).encode(), "".join(lines).encode()


def make(directory, items, seed=1, processes=None):
    """Writes the files and returns their paths. Takes the number of items."""
    os.makedirs(directory, exist_ok=True)
    paths = [os.path.join(directory, f"{name}.csv") for name in ("Account", "Subscription", "Invoice", "InvoiceItem")]
    with open(paths[0], "w", encoding="utf-8", newline="") as accounts:
        accounts.write(",".join(ACCOUNT) + "\n")
        accounts.writelines(account_rows(seed, items))
    with open(paths[1], "w", encoding="utf-8", newline="") as subscriptions:
        subscriptions.write(",".join(SUBSCRIPTION) + "\n")
        subscriptions.writelines(subscription_rows(seed, items))
    jobs = [(seed, items, start, min(start + CHUNK, items)) for start in range(0, items, CHUNK)]
    with open(paths[2], "wb") as invoices, open(paths[3], "wb") as lines, multiprocessing.Pool(processes) as pool:
        invoices.write((",".join(INVOICE) + "\n").encode())
        lines.write((",".join(ITEM) + "\n").encode())
        for some_invoices, some_lines in pool.imap(chunk, jobs):
            invoices.write(some_invoices)
            lines.write(some_lines)
    return paths


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory")
    parser.add_argument("items", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, help="default: one a core")
    args = parser.parse_args()
    started = time.monotonic()
    for path in make(args.directory, args.items, args.seed, args.processes):
        print(f"{os.path.getsize(path) / 2**20:10.1f} MiB  {path}")
    print(f"{time.monotonic() - started:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
