"""Site viewers see only rows of their sites, whatever they ask Superset for, and nobody reads tables without a dataset.

Superset is the platform's, with its bundle; SQLite stands in for Druid, so that every answer is made of real rows.
"""

from __future__ import annotations

import contextlib
import csv
import html
import io
import json
import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from infra.paths import SUPERSET_ASSETS
from infra.resources.superset.access import open_to_all
from infra.resources.superset.bundle import load_assets, to_archive
from infra.resources.superset.client import SupersetError
from infra.resources.superset.normal_form import normalise_all
from infra.resources.superset.row_rule import RowRuleInputs, RowRuleProvider
from tests.support.superset_container import PASSWORD, Superset, superset

if TYPE_CHECKING:
    from collections.abc import Iterator

    import docker

    from infra.resources.superset.client import SupersetClient

ASSETS = normalise_all(load_assets(SUPERSET_ASSETS))
CLICKSTREAM = ASSETS["datasets/druid/clickstream.yaml"]
COLUMNS = [
    column["column_name"]
    for column in CLICKSTREAM["columns"]
    # A calculated column can have the name of Druid's column that it corrects.
    if column["column_name"] in (column.get("expression") or column["column_name"])
]
COUNTS = {"shop": 3, "blog": 5, "docs": 7}
"""Events of each site."""

SITES = {"anna": ["shop"], "ben": ["blog"], "cleo": ["shop", "blog"]}
"""Viewers of sites. Nobody is given docs."""

PUBLIC = "clickstream-analytics"
OK, FORBIDDEN = httpx.codes.OK, httpx.codes.FORBIDDEN
COUNT = {"label": "n", "sqlExpression": "COUNT(*)", "expressionType": "SQL"}


def events() -> list[dict[str, Any]]:
    empty = dict.fromkeys(COLUMNS)
    return [
        {**empty, "__time": "2026-03-01T00:00:00.000Z", "site": site, "host": f"{site}.example", "path": f"/{site}/{n}"}
        for site, count in COUNTS.items()
        for n in range(count)
    ]


@pytest.fixture(scope="module")
def running(engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Superset]:
    tables = {"clickstream": events(), "secrets": [{"x": "hidden", "site": "shop"}]}
    folder = tmp_path_factory.mktemp("superset")
    with superset(engine, folder, tables=tables, site_viewers=SITES, SUPERSET_PUBLIC="true") as started:
        with started.login("admin") as admin:
            admin.import_assets(to_archive(ASSETS))
            open_to_all(admin, ASSETS, [PUBLIC])
        for site in ("shop", "blog"):
            RowRuleProvider().create_resource(rule(started, site))
        yield started


def rule(running: Superset, site: str) -> RowRuleInputs:
    return RowRuleInputs(
        base_url=running.url,
        username="admin",
        password=PASSWORD,
        rule=f"Site viewer {site}",
        clause=f"site = '{site}'",
        role=f"Site viewer {site}",
        group="sites",
        datasets=[CLICKSTREAM["uuid"]],
    )


@pytest.fixture(scope="module")
def people(running: Superset) -> Iterator[dict[str, SupersetClient]]:
    """A session of each account. Dora may explore and write SQL, but only about the shop."""
    with contextlib.ExitStack() as stack:
        admin = stack.enter_context(running.login("admin"))
        roles = admin.roles()
        account = {
            "username": "dora",
            "first_name": "Dora",
            "last_name": "D",
            "email": "dora@shop.example",
            "password": PASSWORD,
            "active": True,
            "roles": [roles[name] for name in ("Alpha", "sql_lab", "Site viewer shop")],
        }
        assert admin.session.post("/api/v1/security/users/", json=account).is_success
        names = ("viewer", *SITES, "dora")
        yield {"admin": admin, **{name: stack.enter_context(running.login(name)) for name in names}}


@pytest.fixture(scope="module")
def dataset(people: dict[str, SupersetClient]) -> int:
    return people["admin"].datasets()[CLICKSTREAM["uuid"]]


def chart(dataset: int, query: dict[str, Any], **options: Any) -> dict[str, Any]:
    body = {"datasource": {"id": dataset, "type": "table"}, "queries": [query], "result_format": "json"}
    return {**body, "result_type": "full", "force": True, **options}


def ask(person: SupersetClient, body: dict[str, Any]) -> Any:
    """The rows, or the refusal."""
    answer = person.session.post("/api/v1/chart/data", json=body)
    return answer.json()["result"][0]["data"] if answer.is_success else f"{answer.status_code}: {answer.text}"


def sites(rows: Any) -> dict[str, int]:
    """Rows of each site."""
    assert isinstance(rows, list), rows
    found = [str(row["site"]) for row in rows]
    return {site: found.count(site) for site in found}


def counts(*names: str) -> dict[str, int]:
    return {name: COUNTS[name] for name in names}


BY_SITE = {"columns": ["site"], "metrics": [COUNT]}
SEEN = {"admin": COUNTS, "viewer": COUNTS, "dora": counts("shop")} | {
    name: counts(*listed) for name, listed in SITES.items()
}


def sql(text: str) -> dict[str, Any]:
    return {"label": "made up", "sqlExpression": text, "expressionType": "SQL"}


HOSTILE: list[dict[str, Any]] = [
    {"metrics": [sql("1 UNION ALL SELECT x FROM druid.secrets")]},
    {"metrics": [sql("(COUNT(*)) AS a FROM druid.secrets UNION ALL SELECT COUNT(*)")]},
    {"metrics": [sql("(SELECT MAX(x) FROM druid.secrets)")]},
    {"columns": [sql("x FROM druid.secrets UNION ALL SELECT site")]},
    {**BY_SITE, "extras": {"where": "1 = 1 UNION ALL SELECT x, 1 FROM druid.secrets"}},
    {**BY_SITE, "extras": {"having": "1 = 1 UNION ALL SELECT x, 1 FROM druid.secrets"}},
    {**BY_SITE, "extras": {"where": "site IN (SELECT site FROM druid.secrets)"}},
    {**BY_SITE, "orderby": [[sql("(SELECT MAX(x) FROM druid.secrets)"), True]]},
    {**BY_SITE, "filters": [{"col": sql("1 = 1 UNION SELECT x, 2 FROM druid.secrets WHERE 1"), "op": "==", "val": 1}]},
]


HOSTILE_FILTER = {**BY_SITE, "filters": [{"col": sql("1 = 1 OR 1"), "op": "==", "val": 1}]}


@pytest.mark.parametrize("person", ["admin", "viewer", "anna"])
def test_no_expression_of_a_chart_reads_another_table(
    running: Superset, people: dict[str, SupersetClient], dataset: int, person: str
) -> None:
    before = len(running.statements())
    answers = [people[person].session.post("/api/v1/chart/data", json=chart(dataset, query)) for query in HOSTILE]
    assert {answer.status_code for answer in answers} <= {httpx.codes.BAD_REQUEST, FORBIDDEN}
    assert all("tables and sub-selects are not allowed" in answer.text for answer in answers)
    assert not any("secrets" in statement for statement in running.statements()[before:])


def test_a_visitor_of_a_public_dashboard_reads_no_other_table(running: Superset) -> None:
    with httpx.Client(base_url=running.url, headers={"Accept": "application/json"}) as visitor:
        page = visitor.get(f"/superset/dashboard/{PUBLIC}/", headers={"Accept": "text/html"}).text
        token = re.search(r'name="csrf_token"[^>]*?value="([^"]+)"', page, re.DOTALL)
        assert token
        visitor.headers["X-CSRFToken"] = html.unescape(token[1])
        dashboard = visitor.get(f"/api/v1/dashboard/{PUBLIC}").json()["result"]["id"]
        shown = next(
            item
            for item in visitor.get(f"/api/v1/dashboard/{PUBLIC}/charts").json()["result"]
            if item["form_data"]["viz_type"] == "table"
        )
        source = int(shown["form_data"]["datasource"].partition("__")[0])
        form = {"slice_id": shown["id"], "dashboardId": dashboard}
        answers = [visitor.post("/api/v1/chart/data", json=chart(source, query, form_data=form)) for query in HOSTILE]
    assert all("tables and sub-selects are not allowed" in answer.text for answer in answers)


@pytest.mark.parametrize("person", SEEN)
@pytest.mark.parametrize(
    "query",
    [
        BY_SITE,
        {**BY_SITE, "extras": {"where": "1 = 1 OR site IS NOT NULL"}},
        {**BY_SITE, "extras": {"having": "COUNT(*) > 0 OR 1 = 1"}},
        HOSTILE_FILTER,
        {**BY_SITE, "filters": [{"col": "__time", "op": "TEMPORAL_RANGE", "val": "2026-01-01 : 2027-01-01"}]},
        {**BY_SITE, "series_columns": ["site"], "series_limit": 10},
    ],
)
def test_charts_count_the_rows_of_a_viewers_sites(
    people: dict[str, SupersetClient], dataset: int, person: str, query: dict[str, Any]
) -> None:
    rows = ask(people[person], chart(dataset, query))
    assert isinstance(rows, list), rows
    assert {row["site"]: row["n"] for row in rows} == SEEN[person]


def test_no_viewer_gets_answers_cached_for_another(people: dict[str, SupersetClient], dataset: int) -> None:
    for _ in range(2):
        for person, expected in SEEN.items():
            rows = ask(people[person], chart(dataset, BY_SITE, force=False))
            assert {row["site"]: row["n"] for row in rows} == expected, person


@pytest.mark.parametrize("person", ["anna", "ben", "cleo"])
def test_rows_downloads_and_filter_options_are_limited_to_the_viewers_sites(
    people: dict[str, SupersetClient], dataset: int, person: str
) -> None:
    everything = {"columns": ["site", "path"], "filters": []}
    assert sites(ask(people[person], chart(dataset, everything, result_type="drill_detail"))) == SEEN[person]
    assert sites(ask(people[person], chart(dataset, everything, result_type="samples"))) == SEEN[person]
    assert {row["site"] for row in ask(people[person], chart(dataset, {"columns": ["site"]}))} == set(SEEN[person])
    download = people[person].session.post("/api/v1/chart/data", json=chart(dataset, everything, result_format="csv"))
    assert sites([{"site": row[0]} for row in list(csv.reader(io.StringIO(download.text)))[1:]]) == SEEN[person]


def _dashboard(admin: SupersetClient) -> int:
    listed = admin.session.get("/api/v1/dashboard/", params={"q": "(page_size:100)"}).json()["result"]
    return next(int(item["id"]) for item in listed if item["slug"] == PUBLIC)


@pytest.mark.parametrize("person", ["anna", "ben", "dora"])
def test_drill_by_shows_only_rows_of_the_viewers_sites(
    people: dict[str, SupersetClient], dataset: int, person: str
) -> None:
    board = _dashboard(people["admin"])
    offered = people[person].session.get(
        f"/api/v1/dataset/{dataset}/drill_info/", params={"q": f"(dashboard_id:{board})"}
    )
    assert offered.status_code == (OK if person == "dora" else FORBIDDEN), (
        "only explorers are offered columns to drill by"
    )
    for site, count in COUNTS.items():
        # What Superset sends after a click on a bar: the bar as a filter, another column to group by.
        query = {
            "columns": ["path"], "metrics": [COUNT], "orderby": [],
            "filters": [{"col": "site", "op": "==", "val": site}],
            "form_data": {"datasource": f"{dataset}__table", "groupby": ["path"], "dashboardId": board},
        }  # fmt: skip
        rows = ask(people[person], chart(dataset, query))
        expected = {f"/{site}/{n}" for n in range(count)} if site in SEEN[person] else set()
        assert {row["path"] for row in rows} == expected, site


def test_links_and_filter_states_of_others_show_a_viewer_only_the_own_rows(
    people: dict[str, SupersetClient], dataset: int
) -> None:
    """A shared link has only the filters in it; whoever opens it asks for the rows."""
    admin, anna = people["admin"].session, people["anna"].session
    board = _dashboard(people["admin"])
    filtered = {"filters": [{"col": "site", "op": "IN", "val": ["blog", "docs", "shop"]}]}
    mask = {"NATIVE_FILTER-site": {"id": "NATIVE_FILTER-site", "extraFormData": filtered, "filterState": {}}}
    link = admin.post(f"/api/v1/dashboard/{board}/permalink", json={"dataMask": mask}).json()["key"]
    opened = anna.get(f"/api/v1/dashboard/permalink/{link}")
    assert opened.json()["state"]["dataMask"] == mask, opened.text
    state = admin.post(f"/api/v1/dashboard/{board}/filter_state", json={"value": json.dumps(mask)}).json()["key"]
    kept = anna.get(f"/api/v1/dashboard/{board}/filter_state/{state}")
    assert json.loads(kept.json()["value"]) == mask, kept.text
    assert "result" not in opened.json().keys() | kept.json().keys(), "no rows in them"
    form = {"datasource": f"{dataset}__table", "viz_type": "table", "adhoc_filters": [], "groupby": ["site"]}
    explored = admin.post("/api/v1/explore/permalink", json={"formData": form}).json()["key"]
    assert anna.get(f"/api/v1/explore/permalink/{explored}").status_code in (OK, FORBIDDEN)
    for stored in (opened.json()["state"]["dataMask"], json.loads(kept.json()["value"])):
        query = {**BY_SITE, **stored["NATIVE_FILTER-site"]["extraFormData"]}
        rows = ask(people["anna"], chart(dataset, query))
        assert {row["site"]: row["n"] for row in rows} == SEEN["anna"]


def test_a_streamed_download_is_limited(people: dict[str, SupersetClient], dataset: int) -> None:
    """Superset streams large downloads after the request, when nobody is logged in any more."""
    body = chart(dataset, HOSTILE_FILTER, result_format="csv", form_data={"row_limit": 200_000})
    for person, expected in SEEN.items():
        download = people[person].session.post("/api/v1/chart/data", json=body)
        assert "chunked" in download.headers.get("Transfer-Encoding", ""), "it is streamed"
        rows = list(csv.reader(io.StringIO(download.text)))[1:]
        assert {site: int(count) for site, count in rows} == expected, (person, download.text)


def test_a_chart_of_supersets_legacy_api_is_limited(people: dict[str, SupersetClient], dataset: int) -> None:
    form = {"datasource": f"{dataset}__table", "viz_type": "para", "series": "site", "metrics": ["events"]}
    for person in ("anna", "viewer"):
        answer = people[person].session.post("/superset/explore_json/", data={"form_data": json.dumps(form)})
        assert answer.is_success, answer.text
        assert {row["site"] for row in answer.json()["data"]} == set(SEEN[person]), person


def test_an_explorer_is_limited_by_the_role_alone(
    running: Superset, people: dict[str, SupersetClient], dataset: int
) -> None:
    dora = people["dora"].session
    values = dora.get(f"/api/v1/datasource/table/{dataset}/column/site/values/").json()
    assert values["result"] == ["shop"]
    samples = dora.post(f"/datasource/samples?datasource_id={dataset}&datasource_type=table", json={}).json()
    assert sites(samples["result"]["data"]) == counts("shop")
    before = len(running.statements())
    asked = {"expression": "(SELECT MAX(x) FROM druid.secrets)", "expression_type": "column"}
    checked = dora.post(f"/api/v1/datasource/table/{dataset}/validate_expression/", json=asked)
    assert "tables and sub-selects are not allowed" in checked.text
    assert not any("secrets" in statement for statement in running.statements()[before:])


def run_sql(person: SupersetClient, text: str) -> httpx.Response:
    database = next(iter(person.session.get("/api/v1/database/").json()["result"]))["id"]
    return person.session.post(
        "/api/v1/sqllab/execute/", json={"database_id": database, "sql": text, "runAsync": False}
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT site FROM druid.clickstream", ["shop"] * 3),
        ("SELECT site FROM clickstream WHERE 1 = 1 OR 1 = 1", ["shop"] * 3),
        ("SELECT site FROM clickstream UNION ALL SELECT x FROM druid.secrets", ["shop"] * 3),
        ("SELECT site FROM (SELECT * FROM clickstream) AS c WHERE c.site = 'blog'", []),
        ("WITH c AS (SELECT * FROM clickstream) SELECT site FROM c", None),
    ],
)
def test_sql_of_a_site_viewer_reads_only_the_sites_rows(
    people: dict[str, SupersetClient], text: str, expected: list[str] | None
) -> None:
    answer = run_sql(people["dora"], text)
    if expected is None:
        assert "only its site's rows" in answer.text
    else:
        assert [row["site"] for row in answer.json()["data"]] == expected, answer.text


def test_a_sql_lab_query_of_another_user_is_limited_and_only_for_users_of_sql_lab(
    people: dict[str, SupersetClient],
) -> None:
    """A chart can be based on a query of SQL Lab, to which no rule of Superset applies."""
    written = run_sql(people["admin"], "SELECT site, path FROM druid.clickstream").json()
    body = chart(0, {"columns": ["site"], "metrics": [COUNT]}, force=False)
    body["datasource"] = {"id": written["query_id"], "type": "query"}
    everything = ask(people["admin"], body)
    assert isinstance(everything, list), everything
    assert {row["site"]: row["n"] for row in everything} == COUNTS
    rows = ask(people["dora"], body)
    assert isinstance(rows, list), rows
    assert {row["site"]: row["n"] for row in rows} == SEEN["dora"]
    for person in ("anna", "viewer"):
        refused = people[person].session.post("/api/v1/chart/data", json=body)
        assert refused.status_code == FORBIDDEN, person


def test_a_dataset_without_a_rule_has_no_rows(people: dict[str, SupersetClient]) -> None:
    admin = people["admin"]
    database = admin.session.get("/api/v1/database/").json()["result"][0]["id"]
    made = {"database": database, "schema": "druid"}
    secrets = admin.create("dataset", {**made, "table_name": "secrets"})
    virtual = admin.create("dataset", {**made, "table_name": "v", "sql": "SELECT site FROM clickstream"})
    for number in (secrets, virtual):
        body = chart(number, {"columns": [sql("site")], "metrics": []}, force=False)
        assert ask(admin, body), "it has rows"
        assert ask(people["anna"], body) == []
        admin.delete("dataset", number)


def test_a_site_viewer_sees_published_dashboards_and_can_change_nothing(people: dict[str, SupersetClient]) -> None:
    admin, anna = people["admin"], people["anna"].session
    draft = admin.create("dashboard", {"dashboard_title": "Draft", "slug": "draft", "published": False})
    rows = anna.get("/api/v1/dashboard/", params={"q": "(page_size:100)"}).json()["result"]
    assert {row["slug"] for row in rows} == {item["slug"] for path, item in ASSETS.items() if "dashboards/" in path}
    rules = admin.session.get("/api/v1/rowlevelsecurity/").json()["ids"]
    attempts = (
        anna.get(f"/api/v1/dashboard/{draft}"),
        anna.put(f"/api/v1/dashboard/{draft}", json={"published": True}),
        anna.get("/api/v1/rowlevelsecurity/"),
        anna.delete(f"/api/v1/rowlevelsecurity/{rules[0]}"),
        anna.post("/api/v1/sqllab/execute/", json={"database_id": 1, "sql": "SELECT 1"}),
        anna.get("/api/v1/security/users/"),
    )
    statuses = {f"{item.request.method} {item.url.path}": item.status_code for item in attempts}
    assert set(statuses.values()) <= {FORBIDDEN, httpx.codes.NOT_FOUND}, statuses
    admin.delete("dashboard", draft)


def test_a_rule_changed_by_hand_is_detected_and_restored(
    running: Superset, people: dict[str, SupersetClient], dataset: int
) -> None:
    provider, wanted = RowRuleProvider(), rule(running, "blog")
    state = {**vars(wanted)}
    assert vars(provider.observe(wanted.rule, wanted, state)) == {"inputs": {}, "outputs": {}}
    number = people["admin"].find_rule(wanted.rule)
    assert number is not None
    people["admin"].change("rowlevelsecurity", number, {"clause": "1 = 1", "group_key": "other"})
    observed = provider.observe(wanted.rule, wanted, state)
    assert observed is not None
    # Superset empties what a change does not send.
    assert observed.inputs == {"clause": "1 = 1", "group": "other", "role": "", "datasets": []}
    provider.update_resource(wanted.rule, state, wanted)
    assert ask(people["ben"], chart(dataset, BY_SITE)) == [{"site": "blog", "n": 5}]


def test_without_its_rule_or_role_a_site_viewer_sees_no_rows(
    running: Superset, people: dict[str, SupersetClient], dataset: int
) -> None:
    provider, wanted = RowRuleProvider(), rule(running, "blog")
    ask(people["admin"], chart(dataset, BY_SITE))
    provider.delete_resource(wanted.rule, wanted, {})
    assert provider.observe(wanted.rule, wanted, {}) is None
    assert ask(people["ben"], chart(dataset, BY_SITE, force=False)) == []
    other = {"name": "other", "filter_type": "Regular", "clause": "1 = 1", "group_key": "", "tables": [dataset]}
    made = people["admin"].create("rowlevelsecurity", {**other, "roles": [people["admin"].roles()["Viewer"]]})
    assert ask(people["ben"], chart(dataset, HOSTILE_FILTER)) == [], "another role's rule does not replace the site's"
    people["admin"].delete("rowlevelsecurity", made)
    assert ask(people["cleo"], chart(dataset, BY_SITE)) == [{"site": "shop", "n": 3}]
    role = people["admin"].roles()[wanted.role]
    assert people["admin"].session.delete(f"/api/v1/security/roles/{role}").is_success
    assert ask(people["ben"], chart(dataset, BY_SITE, force=False)) == []


def test_only_the_account_of_a_former_viewer_is_deactivated(
    running: Superset, people: dict[str, SupersetClient]
) -> None:
    running.restore_accounts({"ben": ["shop"], "cleo": SITES["cleo"]})
    seen = people["anna"].session.get("/api/v1/dashboard/").json()["result"]
    assert {row["slug"] for row in seen} == {PUBLIC}, "her session has ended"
    with pytest.raises(SupersetError, match="refuses the login of 'anna'"):
        running.login("anna")
    with running.login("ben") as ben, running.login("dora"):
        assert set(ben.session.get("/api/v1/me/roles/").json()["result"]["roles"]) == {"Viewer", "Site viewer shop"}
    running.restore_accounts(SITES)
    running.login("anna")
