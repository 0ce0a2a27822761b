#!/usr/bin/env python3
"""old_consumer.py BROKERS TOPIC GROUP COUNT [MODE [DSN]]: a consumer of the old deployment's format, by the client that it used.

Reads COUNT messages (or what comes within 30 s) as the group GROUP, from the earliest, and prints a line of JSON a message: its
place, its key, its value, and, for each way in which programs of the old format take fields out of it, "ok" or the error.
MODE insert writes the fourteen fields into table $OLD_TABLE (old_quotes) of DSN as the old consumer did: a batch of rows at a
time, ON CONFLICT (ticker, time) DO NOTHING, numbers as they came. MODE convert does so, too, but makes float()s of them first.
Last comes a line with what was read and stored, or the error that ended it."""

import datetime
import json
import os
import sys

from kafka import KafkaConsumer

import old_format

brokers, topic, group, count = sys.argv[1:5]
mode = sys.argv[5] if len(sys.argv) > 5 else "read"
dsn = sys.argv[6] if len(sys.argv) > 6 else None
NUMBERS = old_format.FIELDS[2:]

# One expression each, as programs that read the old topic have them.
EXPRESSIONS = {
    "subscript": lambda m: [m[field] for field in old_format.FIELDS],
    "get with a default": lambda m: [m.get(field, 0.0) for field in NUMBERS],
    "float()": lambda m: [float(m[field]) for field in NUMBERS],
    "int(volume)": lambda m: int(m["volume"]),
    "round()": lambda m: round(m["change_percent"], 6),
    "comparison": lambda m: m["price"] > 0,
    "arithmetic": lambda m: m["price"] * m["volume"],
    "format": lambda m: f"{m['price']:.2f}",
    "truth": lambda m: bool(m["price"]),
    "or 0": lambda m: [float(m[field] or 0) for field in NUMBERS],
    "fromisoformat": lambda m: datetime.datetime.fromisoformat(m["time"]),
    "strptime": lambda m: datetime.datetime.strptime(m["time"], "%Y-%m-%dT%H:%M:%S.%f"),
    "minus naive now": lambda m: datetime.datetime.now() - datetime.datetime.fromisoformat(m["time"]),
    "minus aware now": lambda m: datetime.datetime.now(datetime.timezone.utc) - datetime.datetime.fromisoformat(m["time"]),
    "json.dumps": lambda m: json.dumps(m),
    "exact keys": lambda m: dict(zip(old_format.FIELDS, m.values(), strict=True)),
}


def outcome(expression, value):
    try:
        expression(value)
        return "ok"
    except Exception as error:  # whatever it is that would end such a program
        return type(error).__name__


def rows_of(batch):
    take = (lambda v: None if v is None else v) if mode == "insert" else float
    return [(m["ticker"], m["time"]) + tuple(take(m[field]) for field in NUMBERS) for m in batch]


def store(connection, batch):
    from psycopg2.extras import execute_values

    with connection, connection.cursor() as cursor:
        execute_values(cursor, "INSERT INTO %s (%s) VALUES %%s ON CONFLICT (ticker, time) DO NOTHING"
                       % (os.environ.get("OLD_TABLE", "old_quotes"), ", ".join(old_format.FIELDS)), rows_of(batch))


connection = None
if dsn is not None:
    import psycopg2

    connection = psycopg2.connect(dsn)
consumer = KafkaConsumer(topic, bootstrap_servers=brokers.split(","), group_id=group, auto_offset_reset="earliest",
                         enable_auto_commit=True, consumer_timeout_ms=30000)
batch, read, stored, error = [], 0, 0, None
try:
    for record in consumer:
        value = old_format.deserialize(record.value)
        read += 1
        print(json.dumps({"partition": record.partition, "offset": record.offset,
                          "key": record.key.decode("utf-8") if record.key is not None else None, "value": value,
                          "expressions": {name: outcome(e, value) for name, e in EXPRESSIONS.items()}}))
        batch.append(value)
        if connection is not None and (len(batch) == 8 or read == int(count)):
            store(connection, batch)
            stored += len(batch)
            batch = []
        if read == int(count):
            break
except Exception as e:
    error = f"{type(e).__name__}: {e}"
print(json.dumps({"read": read, "stored": stored, "error": error}))
consumer.close()
