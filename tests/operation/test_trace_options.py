"""Options of the Collector and of the trace store: no key that their sources do not declare, for neither is run here and both refuse an unknown one.

Taken from open-telemetry/opentelemetry-collector (internal/memorylimiter, config/configtls, configgrpc and confighttp), its contrib repository
(connector/spanmetricsconnector, connector/servicegraphconnector, processor/tailsamplingprocessor, exporter/prometheusexporter: config.go or
config.schema.yaml) and jaegertracing/jaeger (plugin/storage/badger/options.go, cmd/query/app/flags.go), jaeger-ui (src/types/config.ts).
"""

import copy
import json
from typing import Any

import yaml
from prometheus_client import CollectorRegistry

from shared.spanmetrics import SpanMeter
from shared.telemetry import LATENCY_BUCKETS
from tests.operation.kubernetes import DEPLOY

Keys = dict[str, Any]
"""What a mapping may hold; below a key None for a value, another mapping's keys, or a list of one for a list of such mappings."""

TLS: Keys = dict.fromkeys(("insecure", "insecure_skip_verify", "server_name_override", "ca_file", "cert_file", "key_file", "min_version", "max_version"))
COLLECTOR: Keys = {
    "otlp": {"protocols": {"grpc": {"endpoint": None, "tls": TLS}, "http": {"endpoint": None, "tls": TLS}}},
    "spanmetrics": {
        **dict.fromkeys((
            "namespace", "aggregation_temporality", "aggregation_cardinality_limit", "metrics_expiration", "metrics_flush_interval", "exclude_dimensions",
            "resource_metrics_cache_size", "resource_metrics_key_attributes",
        )),
        "histogram": {"disable": None, "unit": None, "explicit": {"buckets": None}, "exponential": {"max_size": None}},
        "exemplars": {"enabled": None, "max_per_data_point": None},
        "dimensions": [{"name": None, "default": None}],
    },
    "servicegraph": {
        **dict.fromkeys((
            "latency_histogram_buckets", "exponential_histogram_max_size", "dimensions", "cache_loop", "store_expiration_loop",
            "virtual_node_peer_attributes", "virtual_node_extra_label", "metrics_flush_interval", "database_name_attributes",
        )),
        "store": {"max_items": None, "ttl": None},
    },
    "forward": {},
    "memory_limiter": dict.fromkeys(("check_interval", "limit_mib", "spike_limit_mib", "limit_percentage", "spike_limit_percentage")),
    "tail_sampling": {
        **dict.fromkeys(("decision_wait", "num_traces", "expected_new_traces_per_sec")),
        "decision_cache": {"sampled_cache_size": None, "non_sampled_cache_size": None},
        "policies": [{
            "name": None, "type": None,
            "status_code": {"status_codes": None},
            "latency": {"threshold_ms": None, "upper_threshold_ms": None},
            "probabilistic": {"hash_salt": None, "sampling_percentage": None},
        }],
    },
    "batch": dict.fromkeys(("timeout", "send_batch_size", "send_batch_max_size")),
    "otlp/traces": {"endpoint": None, "tls": TLS, "timeout": None, "compression": None, "headers": None},
    "prometheus": {
        **dict.fromkeys(("endpoint", "namespace", "const_labels", "send_timestamps", "metric_expiration", "enable_open_metrics", "add_metric_suffixes")),
        "resource_to_telemetry_conversion": {"enabled": None},
    },
}  # fmt: skip
BADGER = {"ephemeral", "span-store-ttl", "directory-key", "directory-value", "consistency", "maintenance-interval", "read-only"}
QUERY = {"base-path", "static-files", "ui-config", "additional-headers", "max-clock-skew-adjustment", "bearer-token-propagation"}
LINK = {"type", "key", "url", "text"}


def strange(found: Any, known: Any, path: str = "") -> list[str]:
    """Keys of `found`, as paths, that `known` does not hold."""
    if isinstance(known, list):
        return [fault for one in found for fault in strange(one, known[0], path)]
    if not isinstance(found, dict) or known is None:
        return []
    unknown = [f"{path}{key}" for key in found if key not in known]
    return unknown + [fault for key, value in found.items() if key in known for fault in strange(value, known[key], f"{path}{key}.")]


def collector() -> dict:
    return yaml.safe_load((DEPLOY / "collector" / "collector.yaml").read_text(encoding="utf-8"))


def strange_in(found: dict) -> list[str]:
    return [fault for kind in ("receivers", "processors", "exporters", "connectors") for fault in strange(found[kind], COLLECTOR)]


def test_the_collector_counts_spans_by_what_the_services_count_them_by():
    """A panel on spans shows the same whether it asks the Collector or the services: labels and buckets are alike."""
    spans, own = collector()["connectors"]["spanmetrics"], SpanMeter("x", CollectorRegistry(), LATENCY_BUCKETS).seconds
    ordinary = ["service_name", "span_name", "span_kind", "status_code"]
    assert [*ordinary, *(one["name"].replace(".", "_") for one in spans["dimensions"])] == list(own._labelnames)
    assert [seconds(one) for one in spans["histogram"]["explicit"]["buckets"]] == list(LATENCY_BUCKETS)


def seconds(written: str) -> float:
    return float(written[:-2]) / 1000 if written.endswith("ms") else float(written[:-1])


def compose() -> dict:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]


def test_the_collector_is_given_no_option_that_it_does_not_have():
    found = collector()
    assert strange_in(found) == []
    wrong = copy.deepcopy(found)
    wrong["processors"]["tail_sampling"]["policies"][1]["latency"] = {"treshold_ms": 1000}
    wrong["connectors"]["spanmetrics"]["histogram"]["buckets"] = ["5ms"]
    wrong["exporters"]["otlp/traces"]["insecure"] = True
    assert strange_in(wrong) == ["tail_sampling.policies.latency.treshold_ms", "otlp/traces.insecure", "spanmetrics.histogram.buckets"]


def test_each_policy_has_the_settings_of_its_type_and_the_limits_fit_the_container():
    found = collector()
    for policy in found["processors"]["tail_sampling"]["policies"]:
        assert set(policy) == {"name", "type", policy["type"]}
    assert compose()["collector"]["deploy"]["resources"]["limits"]["memory"] == "512M"
    assert found["processors"]["memory_limiter"]["limit_mib"] < 512


def test_the_trace_store_is_given_no_option_that_it_does_not_have():
    store = compose()["traces"]
    flags = {word.removeprefix("--query.").partition("=")[0] for word in store["command"]}
    assert flags <= QUERY
    named = {name.removeprefix("BADGER_").lower().replace("_", "-") for name in store["environment"] if name.startswith("BADGER_")}
    assert named <= BADGER
    assert store["environment"]["SPAN_STORAGE_TYPE"] == "badger"
    ui = json.loads((DEPLOY / "jaeger" / "ui.json").read_text(encoding="utf-8"))
    assert set(ui) == {"linkPatterns"}
    assert all(set(link) == LINK and link["type"] in {"process", "tags", "logs", "traces"} for link in ui["linkPatterns"])
