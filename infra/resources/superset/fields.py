"""What Superset's import accepts: keys of each asset with their types, and the names that it does not check itself.

schema.json is written by `make schemas` from Superset's ImportV1*Schema. VIZ_TYPES comes from its front end (VizType).
"""

from pathlib import Path
from typing import Any

from infra.resources.common.json_schema import JsonSchema

_SECRETS = ("password", "encrypted_extra", "masked_encrypted_extra", "ssh_tunnel")

ADDITIONS: dict[str, Any] = {
    "databases": {
        "required": ["database_name", "sqlalchemy_uri", "uuid"],
        "properties": dict.fromkeys(_SECRETS),  # bundles are committed
    },
    "datasets": {
        "required": ["table_name", "uuid", "database_uuid", "columns"],
        "properties": {"data": None},  # a URL that Superset would load into the database
    },
    "charts": {"required": ["slice_name", "viz_type", "uuid", "dataset_uuid", "params"]},
    "dashboards": {"required": ["dashboard_title", "slug", "uuid", "position", "metadata"]},
}
"""What else a bundle needs, or must not have; `version` is filled in."""

SCHEMA = JsonSchema(Path(__file__).parent / "schema.json", ADDITIONS)

# Keys of a chart's params that name metrics (a saved one by name, or an ad hoc one as a mapping) or columns.
CHART_METRICS = (
    *("metric", "metrics", "metrics_b", "secondary_metric", "percent_metrics", "timeseries_limit_metric"),
    *("timeseries_limit_metric_b", "size", "x", "y"),
)
CHART_COLUMNS = (
    *("all_columns", "columns", "entity", "granularity_sqla", "groupby", "groupby_b", "groupbyColumns"),
    *("groupbyRows", "series", "source", "target", "x_axis"),
)

VIZ_TYPES = frozenset(
    [
        "ag-grid-table",
        "big_number",
        "big_number_total",
        "box_plot",
        "bubble",
        "bubble_v2",
        "bullet",
        "cal_heatmap",
        "cartodiagram",
        "chord",
        "compare",
        "country_map",
        "deck_arc",
        "deck_contour",
        "deck_geojson",
        "deck_grid",
        "deck_heatmap",
        "deck_hex",
        "deck_multi",
        "deck_path",
        "deck_polygon",
        "deck_scatter",
        "deck_screengrid",
        "echarts_area",
        "echarts_timeseries",
        "echarts_timeseries_bar",
        "echarts_timeseries_line",
        "echarts_timeseries_scatter",
        "echarts_timeseries_smooth",
        "echarts_timeseries_step",
        "funnel",
        "gantt_chart",
        "gauge_chart",
        "graph_chart",
        "handlebars",
        "heatmap_v2",
        "histogram_v2",
        "horizon",
        "mapbox",
        "mixed_timeseries",
        "paired_ttest",
        "para",
        "partition",
        "pie",
        "pivot_table_v2",
        "pop_kpi",
        "radar",
        "rose",
        "sankey_v2",
        "sunburst_v2",
        "table",
        "time_pivot",
        "time_table",
        "tree_chart",
        "treemap_v2",
        "waterfall",
        "word_cloud",
        "world_map",
    ]
)
TEXT_OR_HTML = frozenset(["pivot_table_v2", "table"])
"""Chart types whose cells are text only with `allow_render_html: false`."""
ALWAYS_HTML = frozenset(["ag-grid-table"])
"""Chart types whose cells are HTML whatever the chart says."""
LAYOUT_TYPES = frozenset(
    ["CHART", "COLUMN", "DIVIDER", "DYNAMIC", "GRID", "HEADER", "MARKDOWN", "ROOT", "ROW", "TAB", "TABS"]
)
FILTER_TYPES = frozenset(["filter_range", "filter_select", "filter_time", "filter_timecolumn", "filter_timegrain"])
