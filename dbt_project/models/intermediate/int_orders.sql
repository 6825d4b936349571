{{ config(
    incremental_strategy='rebuild_buckets',
    unique_key=['order_key'],
    indexes=[{'columns': [reporting_day('event_at')]}],
    meta={'event_day': reporting_day('event_at')},
) }}

with new_reports as (
    select * from {{ ref('int_product_events__with_rules') }}
    where order_key is not null and {{ new_loads('product_views') }}
),

touched as (
    select distinct order_key from new_reports
),

readable_reports as (
    select * from {{ ref('int_product_events__with_rules') }}
    where order_key is not null and is_production and {{ readable_loads('product_views') }}
),

ranked as (
    select
        touched.order_key,
        readable_reports.event_key,
        readable_reports.event_at,
        count(*) over (partition by touched.order_key) as reports,
        row_number() over (partition by touched.order_key order by readable_reports.event_at, readable_reports.event_key) as place
    from touched
    inner join readable_reports on touched.order_key = readable_reports.order_key
),

-- the earliest report of an order is the order
final as (
    select
        order_key,
        event_key,
        event_at,
        reports
    from ranked
    where place = 1
    union all
    -- a bucket without rows
    select
        order_key,
        null as event_key,
        null as event_at,
        null as reports
    from touched
)

select * from final
