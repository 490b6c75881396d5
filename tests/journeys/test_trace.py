"""One report is one trace: from the POST through outbox, stream and scores to the e-mail, as a collector receives it over OTLP."""

import asyncio
import contextlib
import gzip
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from shared import telemetry
from tests.journeys.conftest import staged

UNIT = "xa-ta-tong"


class Collector:
    """A real OTLP/HTTP receiver."""

    def __init__(self) -> None:
        self.spans = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                request = ExportTraceServiceRequest.FromString(body)
                for resource in request.resource_spans:
                    name = next(a.value.string_value for a in resource.resource.attributes if a.key == "service.name")
                    collector.spans += [(name, span) for scope in resource.scope_spans for span in scope.spans]
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    @contextlib.contextmanager
    def running(self):
        thread = Thread(target=self.server.serve_forever)
        thread.start()
        try:
            yield self
        finally:
            self.server.shutdown()
            thread.join()
            self.server.server_close()


def tags(span) -> dict[str, str]:
    return {tag.key: tag.value.string_value for tag in span.attributes}


def heard_from(spans) -> tuple[set[tuple[str, str, str]], set[str]]:
    """Who hears what from whom, joined as a service graph joins spans: each event's consumer with its parent, a producer; and what has another parent.

    A tick, what a command said, and what a partner sent without a trace have none.
    """
    said = {span.span_id: (service, span) for service, span in spans if span.kind == Span.SPAN_KIND_PRODUCER}
    edges, loose = set(), set()
    for service, span in spans:
        if span.kind != Span.SPAN_KIND_CONSUMER or telemetry.EVENT_ID not in tags(span) or not span.parent_span_id:
            continue
        by, parent = said.get(span.parent_span_id, ("", None))
        if parent is None or parent.trace_id != span.trace_id:
            loose.add(f"{service}: {span.name}")
        else:
            assert tags(parent).get(telemetry.EVENT_ID) in {None, tags(span)[telemetry.EVENT_ID]}, "what is passed on for a partner has an id of its own"
            edges.add((by, service, tags(span)[telemetry.EVENT_TYPE]))
    return edges, loose


def tenth(value):
    return value and (value / 10).quantize(value)


async def test_one_connected_trace_from_the_post_to_the_e_mail(tmp_path, broker):
    with Collector().running() as collector:
        async with staged(tmp_path / "data", broker, "", otlp_endpoint=collector.url) as stage:
            await stage.take_part(UNIT)
            await stage.at(stage.scene.loaded.campaign.rounds[0].opens_at)
            act = next(a for a in stage.acts["report"] if a.unit == UNIT)
            weak = [v | {"value": tenth(v["value"]), "note": "Kỳ này làm được ít"} for v in act.data["values"]]
            await stage.do("report", UNIT, values=weak)
            await stage.rest()
        await asyncio.to_thread(lambda: None)
    spans = {span.span_id: (service, span) for service, span in collector.spans}
    posts = [s for n, s in spans.values() if n == "thidua-reporting" and s.name == "POST /reporting/api/reports"]
    assert len(posts) == 1
    family = [(service, span) for service, span in spans.values() if span.trace_id == posts[0].trace_id]
    names = {(service, span.name) for service, span in family}
    assert ("thidua-evaluation", "process reporting.report.accepted.v1") in names
    assert ("thidua-notification", "process evaluation.warning.raised.v1") in names
    assert ("thidua-notification", "deliver letter") in names, sorted(names)
    for _, span in family:
        assert span.span_id == posts[0].span_id or span.parent_span_id in spans, f"{span.name} hangs in the air"
        if span.kind != Span.SPAN_KIND_SERVER:
            assert tags(span)[telemetry.CAMPAIGN] == "lai-chau-2023", f"{span.name} says of which movement it is"
    edges, loose = heard_from(family)
    assert loose == set()
    assert edges >= {
        ("thidua-reporting", "thidua-evaluation", "reporting.report.accepted.v1"), ("thidua-reporting", "thidua-notification", "reporting.report.accepted.v1"),
        ("thidua-evaluation", "thidua-notification", "evaluation.warning.raised.v1"),
    }  # fmt: skip
    assert {by for by, _, type in edges} == {f"thidua-{type.partition('.')[0]}" for _, _, type in edges}
    assert heard_from(collector.spans)[1] == set()
