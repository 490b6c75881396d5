"""Accepts reports on eight threads, as a web server with threads would: a transaction each, then the message, confirmed."""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import actors

reports = [json.loads(line) for line in actors.REPORTS.read_text(encoding="utf-8").splitlines()]
connections = actors.pool("reporting")
log = (actors.LOGS / "sent").open("a", encoding="utf-8")


def submit(report: dict, at: int = 0) -> None:
    """`at`: when it was due, in an open loop; the moment it is taken up otherwise."""
    at = at or time.time_ns()
    with connections.connection() as connection:
        row = (report["id"], report["unit"]["value"], report["round"], json.dumps(report))
        connection.execute("INSERT INTO report VALUES (%s, %s, %s, %s)", row)
    actors.score.send(report)
    log.write(f"{report['id']} {at}\n")
    log.flush()


(actors.LOGS / "producer.ready").touch()
with ThreadPoolExecutor(actors.THREADS) as threads:
    for line in sys.stdin:
        first, count, rate = json.loads(line)
        started, sent = time.time(), []
        for number, report in enumerate(reports[first : first + count]):
            if rate:
                time.sleep(max(0, started + number / rate - time.time()))
            sent.append(threads.submit(submit, report, time.time_ns() if rate else 0))
        for one in sent:
            one.result()
