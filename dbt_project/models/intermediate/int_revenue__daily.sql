{{ config(
    incremental_strategy='rebuild_buckets',
    unique_key=['event_date'],
    meta={'event_day': 'event_date'},
) }}

with new_reports as (
    select * from {{ ref('int_product_events') }}
    where order_key is not null and {{ new_loads('product_views') }}
),

reports as (
    select * from {{ ref('int_product_events') }}
    where order_key is not null
),

-- of all reports of an order: an earlier one takes it from the day that had it
touched_days as (
    select distinct {{ reporting_day('reports.event_at') }} as event_date
    from new_reports
    inner join reports on new_reports.order_key = reports.order_key
),

orders as (
    select * from {{ ref('int_orders') }}
),

events as (
    select * from {{ ref('int_product_events__with_rules') }}
),

lines as (
    select * from {{ ref('fct_order_lines') }}
),

orders_of_days as (
    select
        touched_days.event_date,
        orders.order_key,
        orders.event_key
    from touched_days
    inner join orders on touched_days.event_date = {{ reporting_day('orders.event_at') }}
),

of_currencies as (
    select
        orders_of_days.event_date,
        orders_of_days.order_key,
        lines.country_name,
        lines.currency,
        lines.is_bot,
        sum(lines.amount) as items,
        sum(lines.line_total) as revenue,
        count(*) filter (where lines.line_total is null) as unreadable_prices,
        count(*) filter (where lines.amount is null) as unreadable_amounts
    from orders_of_days
    inner join lines on orders_of_days.event_key = lines.event_key
    group by 1, 2, 3, 4, 5
    union all
    -- an order whose cart is empty, or cannot be read
    select
        orders_of_days.event_date,
        orders_of_days.order_key,
        events.country_name,
        {{ unknown_currency() }} as currency,
        events.is_bot,
        null as items,
        null as revenue,
        0 as unreadable_prices,
        0 as unreadable_amounts
    from orders_of_days
    inner join events on orders_of_days.event_key = events.event_key
    where not exists (
        select lines_of_order.event_key from {{ ref('int_order_lines') }} as lines_of_order
        where orders_of_days.event_key = lines_of_order.event_key
    )
),

-- one row of each order is its first: these add up
numbered as (
    select
        *,
        row_number() over (partition by order_key order by currency collate "C") = 1 as is_first
    from of_currencies
),

final as (
    select
        event_date,
        country_name,
        currency,
        count(*) as orders,
        count(*) filter (where not is_bot) as human_orders,
        count(*) filter (where is_first) as first_orders,
        count(*) filter (where is_first and not is_bot) as first_human_orders,
        -- numeric: a producer can send amounts that no bigint holds the sum of
        coalesce(sum(items), 0) as items,
        coalesce(sum(revenue), 0) as revenue,
        sum(unreadable_prices)::bigint as unreadable_prices,
        sum(unreadable_amounts)::bigint as unreadable_amounts
    from numbered
    group by 1, 2, 3
    union all
    -- a bucket without rows
    select
        event_date,
        null as country_name,
        null as currency,
        null as orders,
        null as human_orders,
        null as first_orders,
        null as first_human_orders,
        null as items,
        null as revenue,
        null as unreadable_prices,
        null as unreadable_amounts
    from touched_days
)

select * from final
