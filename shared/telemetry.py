"""Names of spans, attributes and metrics, declared once; one tracer provider and one metrics registry per service."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased
from opentelemetry.trace import Span, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import CollectorRegistry, Counter, Gauge, GCCollector, Histogram, ProcessCollector

from shared.campaign_labels import CampaignLabels
from shared.spanmetrics import CAMPAIGN as CAMPAIGN
from shared.spanmetrics import WATCHED as WATCHED
from shared.spanmetrics import SpanMeter

# Span names: "<verb> <what>"; what comes from the contract or the route template, never from data.
SPAN_REQUEST = "{method} {route}"
SPAN_BATCH = "receive {stream}"
SPAN_EVENT = "process {type}"
SPAN_SETTLE = "settle {type}"
SPAN_SAID = "publish {type}"
SPAN_LETTER = "deliver letter"
SPAN_PASSED = "pass on event"
SPANS = (SPAN_REQUEST, SPAN_BATCH, SPAN_EVENT, SPAN_SETTLE, SPAN_SAID, SPAN_LETTER, SPAN_PASSED)

# Attributes
MESSAGING_SYSTEM = "messaging.system"
MESSAGING_BATCH = "messaging.batch.message_count"
EVENT_ID = "cloudevents.event_id"
EVENT_TYPE = "cloudevents.event_type"
SERVICE = "thidua.service"
"""Who knows the event of the same span, and has a page of it; a trace store makes the link of both."""
ROUTE = "http.route"
METHOD = "http.request.method"
STATUS = "http.response.status_code"
CHANNEL = "thidua.channel"

LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30)

_propagator = TraceContextTextMapPropagator()


def broker_accounts(registry: CollectorRegistry) -> Gauge:
    """Told by registration where it sees the file, and by whoever keeps the file where nobody else does."""
    told = "Whether the broker's include file holds the partners' keys and all servers have read it"
    return Gauge("thidua_broker_accounts_current", told, ["file"], registry=registry)


class Telemetry:
    """A service's tracer and metrics. With no `endpoint` and no extra `processors`, spans are made but go nowhere."""

    def __init__(self, service: str, endpoint: str = "", processors: tuple[SpanProcessor, ...] = ()) -> None:
        self.service = service
        self.provider = TracerProvider(resource=Resource.create({"service.name": f"thidua-{service}"}))
        if endpoint:
            exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=3)
            self.provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=1000))
        for processor in processors:
            self.provider.add_span_processor(processor)
        self.tracer = self.provider.get_tracer("thidua")
        self._follows_parents = isinstance(self.provider.sampler, ParentBased)
        self.registry = CollectorRegistry()
        self.campaigns = CampaignLabels()
        self._declare()
        self._declare_gauges()
        self.provider.add_span_processor(SpanMeter(service, self.registry, LATENCY_BUCKETS))
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def _declare(self) -> None:
        r = self.registry
        self.requests = Histogram(
            "thidua_http_request_seconds", "Requests by route and outcome", ["route", "method", "status"],
            registry=r, buckets=LATENCY_BUCKETS,
        )
        self.events = Counter("thidua_events_total", "Events handled, by type and outcome", ["campaign", "type", "outcome"], registry=r)
        self.lag_seconds = Histogram(
            "thidua_event_age_seconds", "From recorded to applied, by type", ["type"], registry=r, buckets=LATENCY_BUCKETS
        )
        self.since = Histogram(
            "thidua_event_since_seconds", "From what people did to its effect applied here, by type", ["campaign", "type"],
            registry=r, buckets=LATENCY_BUCKETS,
        )  # fmt: skip
        self.transactions = Histogram(
            "thidua_transaction_seconds", "Writing transactions by outcome", ["outcome"], registry=r, buckets=LATENCY_BUCKETS
        )
        self.batch = Histogram("thidua_batch_events", "Events per batch", registry=r, buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500))
        self.intake = Histogram("thidua_intake_group", "Callers who shared a commit", registry=r, buckets=(1, 2, 5, 10, 20, 50, 100))
        self.published = Counter("thidua_outbox_published_total", "Events the relay published", registry=r)
        self.outbox_age = Gauge("thidua_outbox_oldest_seconds", "Age of the oldest unsent event", registry=r)
        self.dead = Counter("thidua_dead_letters_total", "Dead letters by reason", ["reason"], registry=r)
        for reason in ("unreadable", "exhausted"):
            self.dead.labels(reason)  # there from the start: an increase is seen only of what was there before
        self.pending = Gauge("thidua_consumer_lag", "Events waiting, by stream", ["stream"], registry=r)
        self.reports = Counter(
            "thidua_reports_total", "Reports by channel and outcome (on_time, late, refused, returned)", ["campaign", "channel", "outcome"],
            registry=r,
        )  # fmt: skip
        self.letters = Counter("thidua_letters_total", "Letters by channel and outcome", ["campaign", "channel", "outcome"], registry=r)
        self.clock_skew = Gauge("thidua_clock_skew_seconds", "Own clock against the tick", registry=r)

    def _declare_gauges(self) -> None:
        """Set when somebody asks for the metrics. What only one service measures has labels, so that the others tell nothing of it."""
        r = self.registry
        self.reachable = Gauge("thidua_reachable", "1 when that part answers, 0 when not", ["part"], registry=r)
        self.dead_waiting = Gauge("thidua_dead_letters_waiting", "Dead letters that nobody has replayed", registry=r)
        self.redelivered = Gauge("thidua_consumer_redelivered", "Events in hand that were delivered before", ["stream"], registry=r)
        self.connections = Gauge("thidua_database_connections", "Database connections in use", registry=r)
        self.disk_free = Gauge("thidua_disk_free_ratio", "Free part of the data folder's disk, 0 to 1", registry=r)
        self.deadline = Gauge("thidua_deadline_seconds", "Seconds to the deadline of each open round", ["campaign", "round"], registry=r)
        self.round_units = Gauge(
            "thidua_round_units", "Units of a round by state (expected, on_time, late)", ["campaign", "round", "state"], registry=r
        )
        self.partner_received = Gauge("thidua_partner_received", "Events that ever reached a partner's stream", ["client"], registry=r)
        self.partner_heard = Gauge("thidua_partner_last_timestamp_seconds", "When a partner's last event in earnest came; 0 before the first", ["client"], registry=r)
        self.partner_events = Gauge(
            "thidua_partner_events_last_day", "A partner's events of the last day by what became of them", ["client", "outcome"], registry=r
        )
        self.backup = Gauge("thidua_backup_timestamp_seconds", "When the newest backup was begun, 0 for never", ["folder"], registry=r)
        self.broker_accounts = broker_accounts(r)
        self.certificate = Gauge(
            "thidua_certificate_expiry_timestamp_seconds", "Until when the certificate is good", ["address"], registry=r
        )

    @contextmanager
    def own_trace(self, name: str, kind: SpanKind = SpanKind.INTERNAL) -> Iterator[Span]:
        """A span that begins a trace, linked with the span that is current around it."""
        around = span_context(otel_context.get_current())
        with self.span(name, Context(), kind) as span:
            span.add_link(around)
            yield span

    def tags(self, type: str, id: str, campaign: str) -> dict[str, str]:
        """What the spans of an event say: who knows it, which it is (where nobody keeps it, no `id`: it has no page), and of which campaign."""
        return {SERVICE: self.service, EVENT_TYPE: type, **({EVENT_ID: id} if id else {}), **self.campaign_tag(campaign)}

    def campaign_tag(self, campaign: str) -> dict[str, str]:
        """The tag of a campaign in earnest that is kept here; of any other none: a trial has no page, and what somebody sent is no label."""
        return {CAMPAIGN: campaign} if self.campaigns.has(campaign) else {}

    def said(self, cause: Context, type: str, id: str, campaign: str = "") -> str | None:
        """The span of an event that is said, in the trace of its cause; the `traceparent` with which the event goes out.

        It has no length: it is what the spans of those who hear the event hang below, so that a Collector sees who hears whom.
        """
        if self._follows_parents and _is_left_out(span_context(cause)):
            return traceparent_of(cause)
        span = self.tracer.start_span(SPAN_SAID.format(type=type), cause, SpanKind.PRODUCER, self.tags(type, id, campaign))
        span.end()
        at = span.get_span_context()
        return f"00-{at.trace_id:032x}-{at.span_id:016x}-{at.trace_flags:02x}"

    def shutdown(self) -> None:
        """Send what is still buffered."""
        self.provider.shutdown()

    @contextmanager
    def span(self, name: str, parent: Context | None = None, kind: SpanKind = SpanKind.INTERNAL, **attributes: Any) -> Iterator[Span]:
        """A span that is current inside the block; of a parent that is not sampled nothing is made, its context goes on as it is."""
        if parent is not None and self._follows_parents and _is_left_out(span_context(parent)):
            with within(parent):
                yield trace.get_current_span(parent)
            return
        with self.tracer.start_as_current_span(name, context=parent, kind=kind, attributes=attributes) as span:
            yield span


def traceparent() -> str | None:
    """The current context as a W3C `traceparent`, or None when there is no trace."""
    return traceparent_of(None)


def traceparent_of(context: Context | None) -> str | None:
    """A context, by default the current one, as a W3C `traceparent`, or None when there is no trace in it."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier, context)
    return carrier.get("traceparent")


def parent_of(traceparent: str | None) -> Context:
    """The context that a `traceparent` names; an empty one when it names none."""
    return _propagator.extract({"traceparent": traceparent}, Context()) if traceparent else Context()


def is_sampled(traceparent: str | None) -> bool:
    """True when somebody upstream keeps the trace that a `traceparent` names (its last digit is odd)."""
    return traceparent is not None and traceparent[-1:] in set("13579bdf")


def _is_left_out(context: trace.SpanContext) -> bool:
    return context.is_valid and not context.trace_flags.sampled


def trace_id_of(traceparent: str | None) -> str | None:
    """The 32 hexadecimal digits of the trace, for links to a trace page."""
    parts = (traceparent or "").split("-")
    return parts[1] if len(parts) == 4 else None


@contextmanager
def within(context: Context) -> Iterator[None]:
    """Make `context` current inside the block."""
    token = otel_context.attach(context)
    try:
        yield
    finally:
        otel_context.detach(token)


def span_context(context: Context) -> trace.SpanContext:
    """The span that a context holds, for links."""
    return trace.get_current_span(context).get_span_context()
