"""Rate, errors and duration of every span, counted in the process that made it, under the names that a Collector's span metrics have.

So a dashboard shows the same series whether a Collector runs or not, and each bucket keeps a trace as its example.
"""

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client import CollectorRegistry, Histogram
from typing_extensions import override

NANOSECONDS = 1e9
WATCHED = "thidua.watched"
"""The attribute of a span that lasted as long as somebody looked: its length is no latency and is not counted."""
CAMPAIGN = "thidua.campaign"
"""The attribute by which spans are counted apart, beside name, kind and status; the Collector has it as a dimension too."""
KINDS = {kind: f"SPAN_KIND_{kind.name}" for kind in SpanKind}
STATUSES = {status: f"STATUS_CODE_{status.name}" for status in StatusCode}


class SpanMeter(SpanProcessor):
    """Counts each span once, when it ends. Span names come from contracts and route templates, campaigns from officials, so there are few of them."""

    def __init__(self, service: str, registry: CollectorRegistry, buckets: tuple[float, ...]) -> None:
        self.service = f"thidua-{service}"
        self.seconds = Histogram(
            "traces_span_metrics_duration_seconds", "Spans by name, kind, status and campaign",
            ["service_name", "span_name", "span_kind", "status_code", CAMPAIGN.replace(".", "_")], registry=registry, buckets=buckets,
        )  # fmt: skip
        self._series: dict[tuple[str, SpanKind, StatusCode, str], Histogram] = {}

    @override
    def on_end(self, span: ReadableSpan) -> None:
        attributes = span.attributes or {}
        if span.end_time is None or span.start_time is None or attributes.get(WATCHED):
            return
        key = (span.name, span.kind, span.status.status_code, str(attributes.get(CAMPAIGN, "")))
        series = self._series.get(key)
        if series is None:
            labels = (self.service, span.name, KINDS[span.kind], STATUSES[span.status.status_code], key[-1])
            series = self._series[key] = self.seconds.labels(*labels)
        series.observe((span.end_time - span.start_time) / NANOSECONDS, {"trace_id": f"{span.context.trace_id:032x}"})
