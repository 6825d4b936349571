-- A product's day is the sum of its hours.
with hours as (
    select
        event_date,
        product_id,
        sum(views) as views,
        sum(human_views) as human_views
    from {{ ref('kpi_product_views_hourly') }}
    group by 1, 2
),

days as (
    select * from {{ ref('kpi_products_daily') }}
)

select
    coalesce(days.event_date, hours.event_date) as event_date,
    coalesce(days.product_id, hours.product_id) as product_id,
    days.views as day_views,
    hours.views as hour_views
from days
full join hours on days.event_date = hours.event_date and days.product_id = hours.product_id
where
    (days.views, days.human_views) is distinct from (hours.views, hours.human_views)
    and {{ are_as_far('product_views', [ref('int_product_views__daily'), ref('int_product_views__hourly')]) }}
