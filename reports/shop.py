"""Charts of the shop: what was viewed, and from which countries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.chart import Chart, Row, Rows
from reports.style import label, ranked_bars, share, with_people

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NO_PRODUCT = "(none)"

PRODUCTS = """
    with chosen as (
        select coalesce(%(day)s::date, (select max(event_date) from marts.kpi_products_daily_latest)) as event_date
    )

    select event_date, product_id as name, views, human_views, rank, sum(views) over () as all_views
    from marts.kpi_products_daily
    inner join chosen using (event_date)
    where views > 0
    order by rank
    limit 10
"""
COUNTRIES = """
    with chosen as (
        select coalesce(%(day)s::date, (select max(event_date) from marts.kpi_countries_daily_latest)) as event_date
    )

    select event_date, country_name as name, views, human_views, rank, sum(views) over () as all_views
    from marts.kpi_countries_daily
    inner join chosen using (event_date)
    where views > 0
    order by rank
    limit 10
"""


def products_finding(rows: Rows) -> str:
    """Which product leads, and by how much of the day's views; views of no product in particular do not lead."""
    named = [row for row in rows if row["name"] != NO_PRODUCT]
    if not named:
        return f"{rows[0]['all_views']:,} views, none of them of a known product"
    return f"Product {label(named[0]['name'])} leads with {of_all(named[0])}"


def countries_finding(rows: Rows) -> str:
    """Which country leads, and by how much of the day's views."""
    return f"{label(rows[0]['name'])} leads with {of_all(rows[0])}"


def of_all(row: Row) -> str:
    """`12 % of 9,667 views`."""
    return f"{share(row['views'] / row['all_views'])} of {row['all_views']:,} views"


def plot_views(figure: Figure, rows: Rows) -> None:
    """Views of the ten that were viewed most."""
    ranked_bars(
        figure,
        ["no product named" if row["name"] == NO_PRODUCT else label(row["name"]) for row in rows],
        [int(row["views"]) for row in rows],
        [int(row["human_views"]) for row in rows],
        [with_people(f"{row['views']:,}", f"{row['human_views']:,}", place) for place, row in enumerate(rows)],
    )


TOP_PRODUCTS = Chart(
    name="top_products",
    question="Which products were viewed most?",
    measure="Views of the ten products viewed most",
    nothing="No product was viewed",
    marts=("kpi_products_daily", "kpi_products_daily_latest"),
    query=PRODUCTS,
    finding=products_finding,
    plot=plot_views,
)
TOP_COUNTRIES = Chart(
    name="top_countries",
    question="Which countries viewed most?",
    measure="Product views of the ten countries with the most, by the shop's host",
    nothing="No product was viewed",
    marts=("kpi_countries_daily", "kpi_countries_daily_latest"),
    query=COUNTRIES,
    finding=countries_finding,
    plot=plot_views,
)
