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
    select * from {{ ref('fct_product_events') }}
),

lines as (
    select * from {{ ref('fct_order_lines') }}
),

final as (
    select
        touched_days.event_date,
        events.country_name,
        case when events.event_key is not null then coalesce(lines.currency, {{ unknown_currency() }}) end as currency,
        count(distinct orders.order_key) as orders,
        count(distinct orders.order_key) filter (where not events.is_bot) as human_orders,
        coalesce(sum(lines.amount), 0)::bigint as items,
        coalesce(sum(lines.price * lines.amount), 0) as revenue,
        count(*) filter (where lines.event_key is not null and lines.price is null) as unreadable_prices
    from touched_days
    left join orders on touched_days.event_date = {{ reporting_day('orders.event_at') }}
    left join events on orders.event_key = events.event_key
    left join lines on orders.event_key = lines.event_key
    group by 1, 2, 3
)

select * from final
