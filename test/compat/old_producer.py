#!/usr/bin/env python3
"""old_producer.py BROKERS TOPIC: a producer of the old deployment's format, by the client that it used.

Standard input has one message a line: a JSON object of the fields that are known, or "sample" for the message that the old
status report shows, or "raw TEXT" for bytes as they are. The key is the ticker. Prints one line a message: partition and offset."""

import json
import sys

from kafka import KafkaProducer

import old_format

brokers, topic = sys.argv[1:]
producer = KafkaProducer(bootstrap_servers=brokers.split(","), acks="all", retries=3,
                         key_serializer=lambda key: key.encode("utf-8"))
for line in sys.stdin:
    line = line.rstrip("\n")
    if line.startswith("raw "):
        key, value = "RAW", line[4:].encode("utf-8")
    else:
        quote = old_format.SAMPLE if line == "sample" else old_format.message(**json.loads(line))
        key, value = quote["ticker"], old_format.serialize(quote)
    sent = producer.send(topic, key=key, value=value).get(timeout=30)
    print(sent.partition, sent.offset, key, flush=True)
producer.flush(timeout=30)
producer.close(timeout=5)
