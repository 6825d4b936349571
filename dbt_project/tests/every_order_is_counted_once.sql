-- The orders of a day over all countries are those whose earliest report is of that day, each once, whatever currencies it has.
with orders as (
    select
        {{ reporting_day('event_at') }} as event_date,
        count(*) as orders
    from {{ ref('int_orders') }}
    group by 1
),

mart as (
    select
        event_date,
        sum(orders) as orders
    from {{ ref('kpi_orders_daily') }}
    group by 1
)

select
    coalesce(orders.event_date, mart.event_date) as event_date,
    orders.orders,
    mart.orders as mart_orders
from orders
full join mart on orders.event_date = mart.event_date
where
    orders.orders is distinct from mart.orders
    and {{ are_as_far('product_views', [ref('int_revenue__daily'), ref('int_orders')]) }}
