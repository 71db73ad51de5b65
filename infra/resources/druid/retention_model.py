"""The fields of Druid's retention rules and automatic compaction, read from its jars."""

from typing import Annotated, Any, Literal

from pydantic import Field

from infra.resources.druid.model_issues import ValidationIssue, join, model_issues
from infra.resources.druid.spec_model import (
    Count,
    DruidModel,
    Granularity,
    IndexSpec,
    JsonObject,
    Millis,
    Period,
    TypedDimension,
)

Tiers = dict[str, Annotated[int, Field(ge=0)]]


class LoadForever(DruidModel):
    """Keep everything."""

    type: Literal["loadForever"]
    tiered_replicants: Tiers | None = None
    use_default_tier_for_null: bool | None = None


class LoadByPeriod(DruidModel):
    """Keep what is newer."""

    type: Literal["loadByPeriod"]
    period: Period
    include_future: bool = True
    tiered_replicants: Tiers | None = None
    use_default_tier_for_null: bool | None = None


class LoadByInterval(DruidModel):
    """Keep what is between two times."""

    type: Literal["loadByInterval"]
    interval: str
    tiered_replicants: Tiers | None = None
    use_default_tier_for_null: bool | None = None


class DropForever(DruidModel):
    """Keep nothing."""

    type: Literal["dropForever"]


class DropByPeriod(DruidModel):
    """Drop what is newer."""

    type: Literal["dropByPeriod"]
    period: Period
    include_future: bool = True


class DropBeforeByPeriod(DruidModel):
    """Drop what is older."""

    type: Literal["dropBeforeByPeriod"]
    period: Period


class DropByInterval(DruidModel):
    """Drop what is between two times."""

    type: Literal["dropByInterval"]
    interval: str


Rule = Annotated[
    LoadForever | LoadByPeriod | LoadByInterval | DropForever | DropByPeriod | DropBeforeByPeriod | DropByInterval,
    Field(discriminator="type"),
]
Rules = list[Rule]


class CompactionTuning(DruidModel):
    """How compaction tasks use their memory and time."""

    partitions_spec: JsonObject | None = None
    max_rows_in_memory: Count | None = None
    max_bytes_in_memory: int | None = None
    max_total_rows: Count | None = None
    max_num_concurrent_sub_tasks: Count | None = None
    max_retry: Millis | None = None
    max_num_segments_to_merge: Count | None = None
    total_num_merge_tasks: Count | None = None
    max_pending_persists: Millis | None = None
    max_columns_to_merge: int | None = None
    index_spec: IndexSpec | None = None
    index_spec_for_intermediate_persists: IndexSpec | None = None
    appendable_index_spec: JsonObject | None = None
    split_hint_spec: JsonObject | None = None
    segment_write_out_medium_factory: JsonObject | None = None
    push_timeout: Millis | None = None
    task_status_check_period_ms: Millis | None = None
    chat_handler_timeout: Period | None = None
    chat_handler_num_retries: Millis | None = None


class CompactionGranularity(DruidModel):
    """Granularity after compaction."""

    segment_granularity: Granularity | None = None
    query_granularity: Granularity | None = None
    rollup: bool | None = None


class CompactionDimensions(DruidModel):
    """Columns after compaction."""

    dimensions: list[str | TypedDimension]


class Compaction(DruidModel):
    """The body of POST /druid/coordinator/v1/config/compaction for a datasource."""

    data_source: Annotated[str, Field(min_length=1)]
    task_priority: Millis | None = None
    input_segment_size_bytes: Count | None = None
    max_rows_per_segment: Count | None = None
    skip_offset_from_latest: Period | None = None
    tuning_config: CompactionTuning | None = None
    granularity_spec: CompactionGranularity | None = None
    dimensions_spec: CompactionDimensions | None = None
    metrics_spec: list[JsonObject] | None = None
    transform_spec: JsonObject | None = None
    projections: list[JsonObject] | None = None
    io_config: JsonObject | None = None
    engine: Literal["native", "msq"] | None = None
    task_context: JsonObject | None = None


def rule_issues(rules: Any) -> list[ValidationIssue]:
    """Unknown fields, rules that are never reached, and a missing final rule."""
    if found := model_issues(Rules, rules):
        return [(f"rules{path}", reason) for path, reason in found]
    kinds = [rule["type"] for rule in rules]
    final = [position for position, kind in enumerate(kinds) if kind.endswith("Forever")]
    if not final:
        return [("rules", "the last must be loadForever or dropForever, or the cluster's default rules decide")]
    return [
        (join(["rules", position]), f"never reached: {kinds[final[0]]} before it matches everything")
        for position in range(final[0] + 1, len(kinds))
    ]
