"""What Superset's import accepts: the keys of each asset with their types, and names that it does not check.

Source: ImportV1*Schema of apache-superset, and the VizType list of its front end.
"""

Types = tuple[type, ...]

_TEXT: Types = (str,)
_FLAG: Types = (bool,)
_COUNT: Types = (int,)
_MAP: Types = (dict,)
_LIST: Types = (list,)
_SHARED: dict[str, Types] = {"uuid": _TEXT, "version": _TEXT, "is_managed_externally": _FLAG, "external_url": _TEXT}

FIELDS: dict[str, dict[str, Types]] = {
    "databases": {
        **_SHARED,
        **dict.fromkeys(("database_name", "sqlalchemy_uri", "configuration_method"), _TEXT),
        **dict.fromkeys(("allow_ctas", "allow_cvas", "allow_dml", "allow_run_async", "allow_csv_upload"), _FLAG),
        **dict.fromkeys(("expose_in_sqllab", "impersonate_user"), _FLAG),
        "cache_timeout": _COUNT,
        "extra": _MAP,
    },
    "datasets": {
        **_SHARED,
        **dict.fromkeys(("table_name", "main_dttm_col", "currency_code_column", "description"), _TEXT),
        **dict.fromkeys(("default_endpoint", "schema", "catalog", "sql", "source_db_engine"), _TEXT),
        **dict.fromkeys(("fetch_values_predicate", "database_uuid", "data_file"), _TEXT),
        **dict.fromkeys(("offset", "cache_timeout"), _COUNT),
        **dict.fromkeys(("params", "template_params", "extra"), _MAP),
        **dict.fromkeys(("filter_select_enabled", "normalize_columns", "always_filter_main_dttm"), _FLAG),
        **dict.fromkeys(("columns", "metrics", "folders"), _LIST),
    },
    "charts": {
        **_SHARED,
        **dict.fromkeys(("slice_name", "description", "certified_by", "certification_details"), _TEXT),
        **dict.fromkeys(("viz_type", "query_context", "dataset_uuid"), _TEXT),
        "params": _MAP,
        "cache_timeout": _COUNT,
        "tags": _LIST,
    },
    "dashboards": {
        **_SHARED,
        **dict.fromkeys(("dashboard_title", "description", "css", "slug", "certified_by"), _TEXT),
        **dict.fromkeys(("certification_details", "theme_uuid"), _TEXT),
        **dict.fromkeys(("position", "metadata"), _MAP),
        "published": _FLAG,
        "theme_id": _COUNT,
        "tags": _LIST,
    },
}
REQUIRED: dict[str, tuple[str, ...]] = {
    "databases": ("database_name", "sqlalchemy_uri", "uuid"),
    "datasets": ("table_name", "uuid", "database_uuid", "columns"),
    "charts": ("slice_name", "viz_type", "uuid", "dataset_uuid", "params"),
    "dashboards": ("dashboard_title", "slug", "uuid", "position", "metadata"),
}
COLUMN_FIELDS: dict[str, Types] = {
    **dict.fromkeys(("column_name", "verbose_name", "type", "advanced_data_type", "expression"), _TEXT),
    **dict.fromkeys(("description", "python_date_format", "datetime_format"), _TEXT),
    **dict.fromkeys(("is_dttm", "is_active", "groupby", "filterable"), _FLAG),
    "extra": _MAP,
}
METRIC_FIELDS: dict[str, Types] = {
    **dict.fromkeys(("metric_name", "verbose_name", "metric_type", "expression", "description"), _TEXT),
    **dict.fromkeys(("d3format", "warning_text"), _TEXT),
    **dict.fromkeys(("currency", "extra"), _MAP),
}
DATABASE_EXTRA_FIELDS: dict[str, Types] = {
    **dict.fromkeys(("metadata_params", "engine_params", "metadata_cache_timeout", "schema_options"), _MAP),
    **dict.fromkeys(("cost_estimate_enabled", "allows_virtual_table_explore", "disable_data_preview"), _FLAG),
    **dict.fromkeys(("cancel_query_on_windows_unload", "disable_drill_to_detail", "allow_multi_catalog"), _FLAG),
    "per_user_caching": _FLAG,
    "schemas_allowed_for_csv_upload": _LIST,
    "version": _TEXT,
}

# Keys of a chart's params that contain metrics (a saved one's name, or an ad hoc one as a mapping) or columns.
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
"""Chart types whose cells are always HTML."""
LAYOUT_TYPES = frozenset(
    ["CHART", "COLUMN", "DIVIDER", "DYNAMIC", "GRID", "HEADER", "MARKDOWN", "ROOT", "ROW", "TAB", "TABS"]
)
FILTER_TYPES = frozenset(["filter_range", "filter_select", "filter_time", "filter_timecolumn", "filter_timegrain"])
