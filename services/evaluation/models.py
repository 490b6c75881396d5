"""Evaluation's tables. What was heard is kept by revision and never overwritten by older news; what was computed can be computed again."""

from sqlalchemy import JSON, Boolean, Column, Date, Index, Integer, MetaData, String, Table, Text

from services.evaluation.scoring.order import KEY_LENGTH
from shared.database import Exact, Instant, Ordered

metadata = MetaData()

CAMPAIGN, CODE, KEY = String(64), String(64), String(36)


def _key(*names: str) -> list[Column[str]]:
    kinds = {"campaign": CAMPAIGN, "indicator": CODE, "criterion": CODE, "round": CODE}
    return [Column(name, kinds.get(name, KEY), primary_key=True) for name in names]


participations = Table(
    "participations", metadata, *_key("campaign", "unit"),
    Column("revision", Integer, nullable=False),
    Column("cluster", CODE, nullable=False),
    Column("head", String(255), nullable=False),
)
commitments = Table(
    "commitments", metadata, *_key("campaign", "unit", "indicator"),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("baseline", Exact),
    Column("target", Exact, nullable=False),
    Column("unit_of_measure", CODE, nullable=False),
    Column("effective_from", Date, nullable=False),
    Column("reason", Text, nullable=False),
    Column("legal_basis", Text, nullable=False),
)
reports = Table(  # every revision of every report; a missed round is revision 0
    "reports", metadata, *_key("campaign", "unit", "round"),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("status", String(16), nullable=False),
    Column("on_time", Boolean, nullable=False),
    Column("at", Instant, nullable=False),
    Column("figures", JSON, nullable=False),
)
works = Table(
    "works", metadata, *_key("campaign", "work"),
    Column("unit", KEY, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("title", String(512), nullable=False),
    Column("status", String(16), nullable=False),
    Column("confirmed", Boolean, nullable=False),
    Index("works_unit", "campaign", "unit"),
)
rounds = Table(
    "rounds", metadata, *_key("campaign", "round"),
    Column("revision", Integer, nullable=False),
    Column("state", String(8), nullable=False),
    Column("deadline", Instant, nullable=False),
    Column("expected", Integer),
    Column("on_time", Integer),
    Column("missing", Integer),
)
discrepancies = Table(
    "discrepancies", metadata, *_key("campaign", "discrepancy"),
    Column("unit", KEY, nullable=False),
    Column("indicator", CODE, nullable=False),
    Column("round", CODE, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("open", Boolean, nullable=False),
    Index("discrepancies_unit", "campaign", "unit"),
)
observations = Table(
    "observations", metadata, *_key("campaign", "observation"),
    Column("unit", KEY, nullable=False),
    Column("indicator", CODE, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("client", String(64), nullable=False),
    Column("value", Exact, nullable=False),
    Column("as_of", Date, nullable=False),
    Index("observations_unit", "campaign", "unit"),
)
letters = Table(
    "letters", metadata, *_key("letter"),
    Column("channel", String(16), primary_key=True),
    Column("campaign", CAMPAIGN, nullable=False),
    Column("unit", KEY, nullable=False),
    Column("cause", KEY, nullable=False, index=True),
    Column("at", Instant, nullable=False),
)
entries = Table(  # what the council entered: a rubric's level, or points of a bonus or penalty
    "entries", metadata, *_key("campaign", "unit", "criterion"),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("level", CODE),
    Column("points", Exact),
    Column("reason", Text, nullable=False),
    Column("decided_by", String(255), nullable=False),
    Column("at", Instant, nullable=False),
)
holds = Table(
    "holds", metadata, *_key("hold"),
    Column("campaign", CAMPAIGN, nullable=False),
    Column("unit", KEY, nullable=False),
    Column("since", Instant, nullable=False),
    Column("expires_on", Date),
    Column("reason", Text, nullable=False),
    Column("decided_by", String(255), nullable=False),
    Index("holds_unit", "campaign", "unit"),
)
lifts = Table(  # apart from holds, so that a lift may be heard first
    "lifts", metadata, *_key("hold"),
    Column("at", Instant, nullable=False),
    Column("conclusion", Text, nullable=False),
    Column("decided_by", String(255), nullable=False),
)
scores = Table(
    "scores", metadata, *_key("campaign", "unit"),
    Column("revision", Integer, nullable=False),
    Column("cluster", CODE, nullable=False),
    Column("score", Exact, nullable=False),
    Column("grade", CODE),
    Column("on_hold", Boolean, nullable=False),
    Column("capped", Exact, nullable=False),
    Column("lines", JSON, nullable=False),
    Column("on_time", Integer, nullable=False),
    Column("due", Integer, nullable=False),
    Column("report_revision", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Index("scores_cluster", "campaign", "cluster"),
)
shadows = Table(  # which shadow campaigns hold a report about a unit of a real one; without a unit: which have ended
    "shadows", metadata, *_key("campaign", "unit"),
    Column("shadow", CAMPAIGN, primary_key=True),
)
standings = Table(  # how each score stands in its cluster: ascending by (bucket, key, name) is best first
    "standings", metadata, *_key("campaign", "unit"),
    Column("revision", Integer, nullable=False),
    Column("cluster", CODE, nullable=False),
    Column("bucket", Integer, nullable=False),
    Column("key", Ordered(KEY_LENGTH), nullable=False),
    Column("name", Ordered(72)),
    Column("on_hold", Boolean, nullable=False),
    Index("standings_order", "campaign", "cluster", "bucket", "key", "name"),
)
score_buckets = Table(  # how many named units stand in each bucket of a cluster, those that compete and those on hold
    "score_buckets", metadata, Column("campaign", CAMPAIGN, primary_key=True), Column("cluster", CODE, primary_key=True),
    Column("bucket", Integer, primary_key=True, autoincrement=False),
    Column("competing", Integer, nullable=False),
    Column("on_hold", Integer, nullable=False),
)
signals = Table(  # what each unit shows a leader, the farthest target in hundredths of a percent, the place of the newest reported round
    "signals", metadata, *_key("campaign", "unit"),
    Column("revision", Integer, nullable=False),
    Column("cluster", CODE, nullable=False),
    Column("colour", String(12), nullable=False),
    Column("was", String(12)),
    Column("since", Instant, nullable=False),
    Column("indicator", CODE),
    Column("worst", Integer, nullable=False),
    Column("warnings", Integer, nullable=False),
    Column("unexplained", Integer, nullable=False),
    Column("unknown", Integer, nullable=False),
    Column("reported", Integer, nullable=False),
    Column("on_hold", Boolean, nullable=False),
    Index("signals_worst", "campaign", "colour", "worst", "unit"),
    Index("signals_since", "campaign", "colour", "since", "unit"),
    Index("signals_left", "campaign", "was", "since", "unit"),
    Index("signals_reported", "campaign", "on_hold", "reported", "unit"),
    Index("signals_unexplained", "campaign", "unexplained", "unit"),
)
signal_counts = Table(  # how many units of a cluster show a colour, reported last for which round, and how many warnings they have open
    "signal_counts", metadata, *_key("campaign"),
    Column("cluster", CODE, primary_key=True),
    Column("colour", String(12), primary_key=True),
    Column("reported", Integer, primary_key=True, autoincrement=False),
    Column("on_hold", Boolean, primary_key=True, autoincrement=False),
    Column("units", Integer, nullable=False),
    Column("warnings", Integer, nullable=False),
    Column("unexplained", Integer, nullable=False),
)
score_history = Table(
    "score_history", metadata, *_key("campaign", "unit"),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("score", Exact, nullable=False),
    Column("grade", CODE),
    Column("cause", String(160), nullable=False),
    Column("at", Instant, nullable=False),
)
warnings = Table(
    "warnings", metadata, *_key("warning"),
    Column("campaign", CAMPAIGN, nullable=False),
    Column("unit", KEY, nullable=False),
    Column("indicator", CODE, nullable=False),
    Column("round", CODE, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("projected", Exact, nullable=False),
    Column("target", Exact, nullable=False),
    Column("percent", Exact, nullable=False),
    Column("raised_at", Instant, nullable=False),
    Column("cleared_at", Instant),
    Index("warnings_unit", "campaign", "unit"),
)
findings = Table(
    "findings", metadata, *_key("finding"),
    Column("campaign", CAMPAIGN, nullable=False),
    Column("unit", KEY, nullable=False),
    Column("indicator", CODE, nullable=False),
    Column("since", CODE, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("percent", Exact, nullable=False),
    Column("rounds", Integer, nullable=False),
    Column("found_at", Instant, nullable=False),
    Index("findings_unit", "campaign", "unit"),
)
rankings = Table(
    "rankings", metadata, *_key("campaign"),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("rules_version", String(16), nullable=False),
    Column("campaign_version", Integer, nullable=False),
    Column("ranking_hash", String(64), nullable=False),
    Column("body", Text, nullable=False),
    Column("decided_by", String(255), nullable=False),
    Column("at", Instant, nullable=False),
)
