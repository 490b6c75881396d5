"""Grafana's dashboards as code. `thidua dashboards` writes them; a test runs every query against a Prometheus fed by a real run."""

from pathlib import Path

from services.operation.panels import IN_EARNEST, Dashboard, Limit, Panel, Query, written
from shared.events.evaluation import WarningCleared, WarningRaised
from shared.events.reporting import DiscrepancyOpened, DiscrepancyResolved, ObservationAccepted, ReportAccepted

FOLDER = Path(__file__).parents[2] / "deploy" / "grafana" / "dashboards"
EVERY = "$__rate_interval"


def quantiles(metric: str, selector: str, by: str = "") -> list[Query]:
    """The median and the 95th percentile of a histogram's observations."""
    grouped = f"le, {by}" if by else "le"
    name = f"{{{{{by}}}}} " if by else ""
    return [
        Query(f"histogram_quantile({q}, sum by ({grouped}) (rate({metric}_bucket{{{selector}}}[{EVERY}])))", f"{name}p{q * 100:.0f}")
        for q in (0.5, 0.95)
    ]


def rate(metric: str, by: str, selector: str = "") -> str:
    """Events per second by some labels."""
    return f"sum by ({by}) (rate({metric}{{{selector}}}[{EVERY}]))"


def since(selector: str) -> list[Query]:
    """How long after what people did it had its effect, by movement."""
    return quantiles("thidua_event_since_seconds", f"{selector}, {OF_CAMPAIGN}", "campaign")


SCORED = f'service="evaluation", type="{ReportAccepted.TYPE}"'
HANDLED = f'service="notification", type="{ReportAccepted.TYPE}"'
TOLD = f'service="notification", type="{WarningRaised.TYPE}"'
APPLIED = 'outcome="applied"'
WARNINGS = f'service="notification", type=~"{WarningRaised.TYPE}|{WarningCleared.TYPE}", {APPLIED}'
OBSERVED = f'service="evaluation", type=~"{ObservationAccepted.TYPE}|{DiscrepancyOpened.TYPE}|{DiscrepancyResolved.TYPE}", {IN_EARNEST}'
OF_SERVICE = 'service="$service"'
OF_CAMPAIGN = f'campaign=~"$campaign", {IN_EARNEST}'
SPANS = 'job="thidua", service_name="thidua-$service"'
SERVER, CONSUMER = f'{SPANS}, span_kind="SPAN_KIND_SERVER"', f'{SPANS}, span_kind="SPAN_KIND_CONSUMER"'

MOVEMENT = Dashboard("thidua-movement", "Phong trào · The movement", [
    Panel("Báo cáo theo kênh và kết quả, mỗi phút · Reports by channel and outcome, per minute",
          [Query(f"60 * {rate('thidua_reports_total', 'campaign, channel, outcome', OF_CAMPAIGN)}", "{{campaign}} {{channel}} {{outcome}}")]),
    Panel("Đơn vị đã báo cáo trong kỳ · Units that have reported",
          [Query(f"max by (campaign, round, state) (thidua_round_units{{{OF_CAMPAIGN}}})", "{{campaign}} {{round}} {{state}}")]),
    Panel("Tỷ lệ đúng hạn · On time, of those expected", [Query(
        f'max by (campaign, round) (thidua_round_units{{state="on_time", {OF_CAMPAIGN}}})'
        f' / max by (campaign, round) (thidua_round_units{{state="expected", {OF_CAMPAIGN}}} > 0)',
        "{{campaign}} {{round}}",
    )], "percentunit", "gauge", 6),
    Panel("Đến hạn kỳ báo cáo · To the next deadline", [Query(
        f"min by (campaign, round) (thidua_deadline_seconds{{{OF_CAMPAIGN}}})", "{{campaign}} {{round}}",
    )], "s", "stat", 6, limit=Limit(low=3600), least=None),
    Panel("Từ nộp đến có điểm · Submitted to scored", since(SCORED), "s"),
    Panel("Từ nộp đến khi thông báo xử lý xong · Submitted to handled by notification", since(HANDLED), "s",
          explains="Mọi báo cáo, có thư hay không · every report, whether or not a letter follows"),
    Panel("Từ nộp đến khi cảnh báo được ghi nhận để gửi thư · Submitted to warning noted for letters", since(TOLD), "s",
          explains="Chỉ những báo cáo gây ra cảnh báo; thư điện tử còn đợi gộp và máy chủ thư · only reports that raised a warning; e-mails then wait for their digest and the mail server"),
    Panel("Cảnh báo, mỗi giờ · Warnings, per hour", [Query(
        f"3600 * {rate('thidua_events_total', 'campaign, type', f'{WARNINGS}, {OF_CAMPAIGN}')}", "{{campaign}} {{type}}",
    )]),
    Panel("Thư điện tử theo kết quả, mỗi phút · Letters by outcome, per minute",
          [Query(f"60 * {rate('thidua_letters_total', 'campaign, channel, outcome', OF_CAMPAIGN)}", "{{campaign}} {{channel}} {{outcome}}")]),
], "campaign")  # fmt: skip

FABRIC = Dashboard("thidua-fabric", "Mạch sự kiện · The fabric", [
    Panel("Sự kiện chờ phát lâu nhất · Oldest event in the outbox", [Query(
        "max by (service) (thidua_outbox_oldest_seconds)", "{{service}}",
    )], "s", limit=Limit(high=60)),
    Panel("Phát đi mỗi giây · Published per second", [Query(rate("thidua_outbox_published_total", "service"), "{{service}}")]),
    Panel("Chờ áp dụng · Consumer lag", [Query(
        "max by (service, stream) (thidua_consumer_lag)", "{{service}} ← {{stream}}",
    )], limit=Limit(high=100)),
    Panel("Giao lại · Redelivered", [
        Query("max by (service, stream) (thidua_consumer_redelivered)", "{{service}} ← {{stream}}"),
        Query(rate("thidua_events_total", "service, outcome", 'outcome=~"retried|duplicate"'), "{{service}} {{outcome}}/s"),
    ]),
    Panel("Sự kiện lỗi chờ xử lý · Dead letters waiting", [Query(
        "max by (service) (thidua_dead_letters_waiting)", "{{service}}",
    )], limit=Limit(high=1)),
    Panel("Sự kiện lỗi mới · New dead letters", [Query(
        "sum by (service, reason) (increase(thidua_dead_letters_total[1h]))", "{{service}} {{reason}}",
    )], limit=Limit(high=1)),
    Panel("Cỡ lô sự kiện · Events in a batch", quantiles("thidua_batch_events", "", "service")),
    Panel("Báo cáo chung một giao dịch · Reports that share a commit", quantiles("thidua_intake_group", "", "service")),
    Panel("Ai nghe ai, sự kiện mỗi giây · Who hears whom, events per second", [Query(
        f'label_replace({rate("thidua_events_total", "service, type", APPLIED)}, "from", "$1", "type", "([a-z]+)[.].*")',
        "{{from}} → {{service}}: {{type}}",
    )], width=24),
    Panel("Tới được · Reachable", [Query(
        "min by (service, part) (thidua_reachable)", "{{service}} {{part}}",
    )], limit=Limit(low=1)),
    Panel("Lệch đồng hồ · Clock skew", [Query("thidua_clock_skew_seconds", "{{service}}")], "s", limit=Limit(-2, 2), least=None),
])  # fmt: skip

SERVICE = Dashboard("thidua-service", "Một dịch vụ · A service", [
    Panel("Yêu cầu mỗi giây theo đường · Requests per second by route",
          [Query(rate("traces_span_metrics_duration_seconds_count", "span_name", SERVER), "{{span_name}}")]),
    Panel("Tỷ lệ lỗi máy chủ · Answers that are our fault", [Query(
        f'(sum(rate(thidua_http_request_seconds_count{{{OF_SERVICE}, status=~"5.."}}[{EVERY}])) or vector(0))'
        f" / sum(rate(thidua_http_request_seconds_count{{{OF_SERVICE}}}[{EVERY}]))", "5xx",
    )], "percentunit", limit=Limit(high=0.05)),
    Panel("Trả lời trong, p95 · Answered within, p95",
          quantiles("traces_span_metrics_duration_seconds", SERVER, "span_name")[1:], "s", explains="Điểm: vết của một yêu cầu · dots: a request's trace"),
    Panel("Câu trả lời theo mã · Answers by status", [Query(rate("thidua_http_request_seconds_count", "status", OF_SERVICE), "{{status}}")]),
    Panel("Sự kiện xử lý mỗi giây · Events handled per second",
          [Query(rate("traces_span_metrics_duration_seconds_count", "span_name", CONSUMER), "{{span_name}}")]),
    Panel("Xử lý trong, p95 · Handled within, p95", quantiles("traces_span_metrics_duration_seconds", CONSUMER, "span_name")[1:], "s",
          explains="receive: cả một lô cùng mọi việc kéo theo, đến khi giao dịch ghi xong: nhìn dòng này; settle: tính lại một đơn vị; process: chỉ ghi nhận một sự kiện, nên gần 0"
          " · receive: a whole batch and all that follows from it, until its transaction is written: look at this; settle: one unit judged;"
          " process: one event noted, hence near 0"),
    Panel("Sự kiện theo kết quả · Events by outcome", [Query(rate("thidua_events_total", "outcome", OF_SERVICE), "{{outcome}}")]),
    Panel("Giao dịch mỗi giây · Transactions per second", [Query(rate("thidua_transaction_seconds_count", "outcome", OF_SERVICE), "{{outcome}}")]),
    Panel("Giao dịch kéo dài · How long transactions take", quantiles("thidua_transaction_seconds", OF_SERVICE), "s"),
    Panel("Kết nối cơ sở dữ liệu đang dùng · Database connections in use", [Query(f"thidua_database_connections{{{OF_SERVICE}}}", "{{instance}}")]),
    Panel("Bộ xử lý · Processor", [Query(f"rate(process_cpu_seconds_total{{{OF_SERVICE}}}[{EVERY}])", "{{instance}}")], "percentunit", width=8),
    Panel("Bộ nhớ · Memory", [Query(f"process_resident_memory_bytes{{{OF_SERVICE}}}", "{{instance}}")], "bytes", width=8),
    Panel("Tệp mở · Open files", [Query(f"process_open_fds{{{OF_SERVICE}}}", "{{instance}}")], width=8),
    Panel("Gom rác · Garbage collections", [Query(rate("python_gc_collections_total", "generation", OF_SERVICE), "{{generation}}")]),
    Panel("Đĩa còn trống · Free disk", [Query(
        f"thidua_disk_free_ratio{{{OF_SERVICE}}}", "{{instance}}",
    )], "percentunit", "gauge", limit=Limit(low=0.15)),
], "service")  # fmt: skip

PARTNERS = Dashboard("thidua-partners", "Đối tác · Partners", [
    Panel("Sự kiện nhận được · Events received", [Query(f"max by (client) (deriv(thidua_partner_received[{EVERY}]))", "{{client}}/s")]),
    Panel("Lần gửi gần nhất · Since the last one", [Query(
        "time() - max by (client) (thidua_partner_last_timestamp_seconds)", "{{client}}",
    )], "s", "stat", limit=Limit(high=86400)),
    Panel("Kết quả trong 24 giờ · Outcomes of the last day", [Query("max by (client, outcome) (thidua_partner_events_last_day)", "{{client}} {{outcome}}")]),
    Panel("Bị từ chối trong 24 giờ · Refused in the last day", [Query(
        'sum by (client) (max by (client, outcome) (thidua_partner_events_last_day{outcome="rejected"}))'
        " / sum by (client) (max by (client, outcome) (thidua_partner_events_last_day))", "{{client}}",
    )], "percentunit"),
    Panel("Chờ xử lý · Waiting", [Query(
        'max by (stream) (thidua_consumer_lag{stream=~"INBOUND_.+"})', "{{stream}}",
    )], limit=Limit(high=100)),
    Panel("Số liệu của đối tác được áp dụng · Partners' figures applied", [Query(
        rate("thidua_events_total", "type", OBSERVED),
        "{{type}}",
    )]),
])  # fmt: skip

DASHBOARDS = (MOVEMENT, FABRIC, SERVICE, PARTNERS)


def write(folder: Path = FOLDER) -> list[str]:
    """Write what differs; one line per file written."""
    differing = outdated(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for dashboard in DASHBOARDS:
        (folder / f"{dashboard.uid}.json").write_text(written(dashboard), encoding="utf-8")
    return [f"{name}: written" for name in differing]


def outdated(folder: Path = FOLDER) -> list[str]:
    """The files that are not as this program would write them."""
    files = {f"{dashboard.uid}.json": written(dashboard) for dashboard in DASHBOARDS}
    return [name for name, text in files.items() if not (folder / name).exists() or (folder / name).read_text(encoding="utf-8") != text]
