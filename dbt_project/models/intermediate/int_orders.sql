{{ config(
    incremental_strategy='rebuild_buckets',
    unique_key=['order_key'],
    indexes=[{'columns': [reporting_day('event_at')]}],
    meta={'event_day': reporting_day('event_at')},
) }}

with new_reports as (
    select * from {{ ref('fct_product_events') }}
    where order_key is not null and {{ new_loads('product_views') }}
),

touched as (
    select distinct order_key from new_reports
),

readable_reports as (
    select * from {{ ref('fct_product_events') }}
    where order_key is not null and is_production and {{ readable_loads('product_views') }}
),

-- the earliest report of an order is the order
final as (
    select distinct on (touched.order_key)
        touched.order_key,
        readable_reports.event_key,
        readable_reports.event_at,
        count(*) over (partition by touched.order_key) as reports
    from touched
    left join readable_reports on touched.order_key = readable_reports.order_key
    order by touched.order_key, readable_reports.event_at, readable_reports.event_key
)

select * from final
