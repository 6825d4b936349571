-- Views of all days and products are the views of the fact, those of staging and test hosts left out.
with fact as (
    select
        count(*) as views,
        count(*) filter (where not is_bot) as human_views
    from {{ ref('fct_product_events') }}
    where
        is_view and is_production
        and load_id <= {{ position_in(ref('int_product_views__daily'), 'product_views') }}
),

mart as (
    select
        coalesce(sum(views), 0) as views,
        coalesce(sum(human_views), 0) as human_views
    from {{ ref('kpi_products_daily') }}
)

select
    fact.views as fact_views,
    mart.views as mart_views,
    fact.human_views as fact_human_views,
    mart.human_views as mart_human_views
from fact
cross join mart
where (fact.views, fact.human_views) is distinct from (mart.views, mart.human_views)
