-- A day's views, and those of people, are the same in every mart of the shop: those of the fact, of production shops alone.
{% set marts = {
    'kpi_products_daily': ref('int_product_views__daily'),
    'kpi_countries_daily': ref('int_country_views__daily'),
    'kpi_stores_daily': ref('int_store_views__daily'),
    'kpi_referrers_daily': ref('int_referrer_views__daily'),
    'kpi_product_views_hourly': ref('int_product_views__hourly'),
    'kpi_browser_os_hourly': ref('int_agent_views__5min'),
} %}

with fact as (
    select
        {{ reporting_day('event_at') }} as event_date,
        count(*) as views,
        count(*) filter (where not is_bot) as human_views
    from {{ ref('fct_product_events') }}
    where is_view and is_production and load_id <= {{ position_in(ref('int_product_views__daily'), 'product_views') }}
    group by 1
),

{# a mart that another run is moving on is looked at when it is done #}
marts as (
    {% for mart, relation in marts.items() %}
        select
            '{{ mart }}' as mart,
            event_date,
            sum(views) as views,
            sum(human_views) as human_views
        from {{ ref(mart) }}
        where {{ are_as_far('product_views', [relation, ref('int_product_views__daily')]) }}
        group by 1, 2
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

names as (
    select distinct mart from marts
),

expected as (
    select
        names.mart,
        fact.event_date,
        fact.views,
        fact.human_views
    from fact
    cross join names
)

select
    coalesce(expected.mart, marts.mart) as mart,
    coalesce(expected.event_date, marts.event_date) as event_date,
    expected.views as fact_views,
    marts.views as mart_views,
    expected.human_views as fact_human_views,
    marts.human_views as mart_human_views
from expected
full join marts on expected.mart = marts.mart and expected.event_date = marts.event_date
where
    (expected.views, expected.human_views) is distinct from (marts.views, marts.human_views)
    and not {{ is_of_let_go_days('coalesce(expected.event_date, marts.event_date)', ['product_views']) }}
