"""The fields of a Kafka supervisor spec, level by level.

Druid silently ignores an unknown field. These are the JSON properties of its classes (KafkaSupervisorIOConfig,
KafkaSupervisorTuningConfig, DataSchema, ...), read from its jars, with only the filters and aggregators that are useful
during ingestion.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

GRANULARITIES = (
    *("SECOND", "MINUTE", "FIVE_MINUTE", "TEN_MINUTE", "FIFTEEN_MINUTE", "THIRTY_MINUTE", "HOUR", "SIX_HOUR"),
    *("EIGHT_HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR", "ALL", "NONE"),
)
"""From fine to coarse, except NONE, which means milliseconds."""


def _period(value: str) -> str:
    if not re.fullmatch(r"P(?=\w)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?", value):
        message = "an ISO 8601 period, for example PT1H"
        raise ValueError(message)
    return value


def _granularity(value: Any) -> Any:
    if isinstance(value, str) and value.upper() not in GRANULARITIES:
        raise ValueError(", ".join(GRANULARITIES))
    return value


Period = Annotated[str, AfterValidator(_period)]
Count = Annotated[int, Field(ge=1)]
Millis = Annotated[int, Field(ge=0)]
JsonObject = dict[str, Any]
"""An object whose content is not checked."""


class DruidModel(BaseModel):
    """An object of Druid's JSON. Undeclared fields are refused."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)


class PeriodGranularity(DruidModel):
    """A granularity of any length."""

    type: Literal["period"]
    period: Period
    time_zone: str | None = None
    origin: str | None = None


Granularity = Annotated[str | PeriodGranularity, AfterValidator(_granularity)]


class StringDimension(DruidModel):
    """Text."""

    type: Literal["string"] = "string"
    name: str
    multi_value_handling: Literal["SORTED_ARRAY", "SORTED_SET", "ARRAY"] | None = None
    create_bitmap_index: bool | None = None


class NumberDimension(DruidModel):
    """A number."""

    type: Literal["long", "float", "double"]
    name: str


class JsonDimension(DruidModel):
    """Nested data."""

    type: Literal["json"]
    name: str


class AutoDimension(DruidModel):
    """A type that Druid detects."""

    type: Literal["auto"]
    name: str
    cast_to_type: str | None = None


Dimension = StringDimension | NumberDimension | JsonDimension | AutoDimension
TypedDimension = Annotated[Dimension, Field(discriminator="type")]


class DimensionsSpec(DruidModel):
    """The columns."""

    dimensions: list[str | TypedDimension]
    dimension_exclusions: list[str] = []
    spatial_dimensions: list[JsonObject] = []
    include_all_dimensions: bool = False
    use_schema_discovery: bool = False
    force_segment_sort_by_time: bool = True


class TimestampSpec(DruidModel):
    """Column and format of a row's timestamp."""

    column: str
    format: str = "auto"
    missing_value: str | None = None


class GranularitySpec(DruidModel):
    """Granularity of segments and timestamps."""

    type: Literal["uniform"] = "uniform"
    segment_granularity: Granularity = "DAY"
    query_granularity: Granularity = "NONE"
    rollup: bool = True
    intervals: list[str] | None = None


class Aggregator(DruidModel):
    """A metric that is computed while rows are ingested."""

    type: Literal[
        "count",
        "longSum",
        "longMin",
        "longMax",
        "floatSum",
        "floatMin",
        "floatMax",
        "doubleSum",
        "doubleMin",
        "doubleMax",
        "thetaSketch",
        "HLLSketchBuild",
        "HLLSketchMerge",
        "quantilesDoublesSketch",
    ]
    name: str
    field_name: str | None = None
    expression: str | None = None
    size: int | None = None
    is_input_theta_sketch: bool | None = None
    should_finalize: bool | None = None
    lg_k: int | None = None
    tgt_hll_type: str | None = None
    string_encoding: str | None = None
    round: bool | None = None
    k: int | None = None


class LogicalFilter(DruidModel):
    """All filters must match, or any."""

    type: Literal["and", "or"]
    fields: list["Filter"]


class Not(DruidModel):
    """The filter must not match."""

    type: Literal["not"]
    field: "Filter"


class NullFilter(DruidModel):
    """Absent, or null."""

    type: Literal["null"]
    column: str


class EqualityFilter(DruidModel):
    """One value."""

    type: Literal["equals"]
    column: str
    match_value_type: str
    match_value: Any


class RangeFilter(DruidModel):
    """Between two values."""

    type: Literal["range"]
    column: str
    match_value_type: str
    lower: Any = None
    upper: Any = None
    lower_open: bool = False
    upper_open: bool = False


class SelectorFilter(DruidModel):
    """One value or null, in the older format."""

    type: Literal["selector"]
    dimension: str
    value: Any = None


class InFilter(DruidModel):
    """One of several values."""

    type: Literal["in"]
    dimension: str
    values: list[Any]


class PatternFilter(DruidModel):
    """Text that matches a pattern."""

    type: Literal["like", "regex"]
    dimension: str
    pattern: str
    escape: str | None = None


class ExpressionFilter(DruidModel):
    """An expression is true."""

    type: Literal["expression"]
    expression: str


Filter = Annotated[
    LogicalFilter
    | Not
    | NullFilter
    | EqualityFilter
    | RangeFilter
    | SelectorFilter
    | InFilter
    | PatternFilter
    | ExpressionFilter,
    Field(discriminator="type"),
]


class Transform(DruidModel):
    """A column computed from others."""

    type: Literal["expression"]
    name: str
    expression: str


class TransformSpec(DruidModel):
    """Which rows are kept, and what is added to them."""

    filter: Filter | None = None
    transforms: list[Transform] = []


class DataSchema(DruidModel):
    """The table."""

    data_source: Annotated[str, Field(min_length=1, pattern=r"^[^/\s]+$")]
    timestamp_spec: TimestampSpec
    dimensions_spec: DimensionsSpec
    metrics_spec: list[Aggregator] = []
    granularity_spec: GranularitySpec
    transform_spec: TransformSpec
    projections: list[JsonObject] | None = None


class FlattenField(DruidModel):
    """A column from within a nested record."""

    type: Literal["root", "path", "jq", "tree"]
    name: str
    expr: str | None = None
    nodes: list[str] | None = None


class FlattenSpec(DruidModel):
    """Columns from nested records."""

    use_field_discovery: bool = True
    fields: list[str | FlattenField] = []


class JsonFormat(DruidModel):
    """One JSON object a record."""

    type: Literal["json"]
    flatten_spec: FlattenSpec | None = None
    feature_spec: dict[str, bool] | None = None
    keep_null_columns: bool | None = None
    assume_newline_delimited: bool | None = None
    use_json_node_reader: bool | None = None


class KafkaFormat(DruidModel):
    """A record with its key, headers and time."""

    type: Literal["kafka"]
    value_format: JsonFormat
    header_format: JsonObject | None = None
    key_format: JsonObject | None = None
    header_column_prefix: str | None = None
    key_column_name: str | None = None
    timestamp_column_name: str | None = None
    topic_column_name: str | None = None


class IdleConfig(DruidModel):
    """When a supervisor without new events stops its tasks."""

    enabled: bool
    inactive_after_millis: Millis | None = None


class IoConfig(DruidModel):
    """Where events come from, and how tasks share them."""

    type: Literal["kafka"] | None = None
    topic: Annotated[str, Field(min_length=1)]
    topic_pattern: None = None
    input_format: Annotated[JsonFormat | KafkaFormat, Field(discriminator="type")]
    consumer_properties: JsonObject
    replicas: Count = 1
    task_count: Count = 1
    task_duration: Period = "PT1H"
    start_delay: Period = "PT5S"
    period: Period = "PT30S"
    completion_timeout: Period = "PT30M"
    poll_timeout: Millis = 100
    use_earliest_offset: bool = False
    late_message_rejection_start_date_time: str | None = None
    late_message_rejection_period: Period | None = None
    early_message_rejection_period: Period | None = None
    auto_scaler_config: JsonObject | None = None
    idle_config: IdleConfig | None = None
    stop_task_count: Count | None = None
    emit_time_lag_metrics: bool | None = None
    config_overrides: JsonObject | None = None


class IndexSpec(DruidModel):
    """How a segment is stored."""

    bitmap: JsonObject | None = None
    dimension_compression: str | None = None
    string_dictionary_encoding: JsonObject | None = None
    metric_compression: str | None = None
    complex_metric_compression: str | None = None
    long_encoding: Literal["auto", "longs"] | None = None
    json_compression: str | None = None
    segment_loader: JsonObject | None = None


class TuningConfig(DruidModel):
    """How tasks use their memory and time."""

    type: Literal["kafka"]
    appendable_index_spec: JsonObject | None = None
    max_rows_in_memory: Count | None = None
    max_bytes_in_memory: int | None = None
    skip_bytes_in_memory_overhead_check: bool | None = None
    max_rows_per_segment: Count | None = None
    max_total_rows: Count | None = None
    intermediate_persist_period: Period | None = None
    max_pending_persists: Millis | None = None
    index_spec: IndexSpec | None = None
    index_spec_for_intermediate_persists: IndexSpec | None = None
    report_parse_exceptions: bool | None = None
    handoff_condition_timeout: Millis | None = None
    reset_offset_automatically: bool | None = None
    segment_write_out_medium_factory: JsonObject | None = None
    worker_threads: Count | None = None
    chat_retries: Count | None = None
    http_timeout: Period | None = None
    shutdown_timeout: Period | None = None
    offset_fetch_period: Period | None = None
    intermediate_handoff_period: Period | None = None
    log_parse_exceptions: bool = False
    max_parse_exceptions: Millis | None = None
    max_saved_parse_exceptions: Millis = 0
    num_persist_threads: Count | None = None
    max_columns_to_merge: int | None = None


class IngestionSpec(DruidModel):
    """The spec's three parts."""

    data_schema: DataSchema
    io_config: IoConfig
    tuning_config: TuningConfig


class SupervisorSpec(DruidModel):
    """The body of POST /druid/indexer/v1/supervisor."""

    type: Literal["kafka"]
    spec: IngestionSpec
    context: JsonObject | None = None
    suspended: bool = False
