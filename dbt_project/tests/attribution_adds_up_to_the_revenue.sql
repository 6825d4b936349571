-- Of each day, country, currency and model, credits are the orders and the revenue of kpi_revenue_daily, within 1e-6.
with models as (
    select model from (values ('last'), ('first'), ('last_non_direct'), ('linear'), ('position')) as m (model)
),

revenue as (
    select
        daily.event_date,
        daily.country_name,
        daily.currency,
        models.model,
        daily.orders,
        daily.human_orders,
        daily.revenue
    from {{ ref('kpi_revenue_daily') }} as daily
    cross join models
),

credits as (
    select
        event_date,
        country_name,
        currency,
        model,
        sum(orders) as orders,
        sum(human_orders) as human_orders,
        sum(revenue) as revenue
    from {{ ref('kpi_attribution_daily') }}
    group by event_date, country_name, currency, model
)

select
    coalesce(revenue.event_date, credits.event_date) as event_date,
    coalesce(revenue.model, credits.model) as model,
    revenue.orders,
    credits.orders as credited_orders,
    revenue.revenue,
    credits.revenue as credited_revenue
from revenue
full join credits
    on
        revenue.event_date = credits.event_date
        and revenue.country_name = credits.country_name
        and revenue.currency = credits.currency
        and revenue.model = credits.model
where
    not coalesce(
        abs(revenue.orders - credits.orders) < 1e-6
        and abs(revenue.human_orders - credits.human_orders) < 1e-6
        and abs(revenue.revenue - credits.revenue) < 1e-6,
        false
    )
    and {{ are_as_far('product_views', [ref('int_attribution__daily'), ref('int_revenue__daily')]) }}
