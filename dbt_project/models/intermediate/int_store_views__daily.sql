{{ config(
    incremental_strategy='rebuild_buckets',
    unique_key=['event_date', 'country_name'],
    meta={'event_day': 'event_date'},
) }}

with new_events as (
    select * from {{ ref('int_product_events__with_rules') }}
    where {{ new_loads('product_views') }}
),

touched as (
    select distinct
        {{ reporting_day('event_at') }} as event_date,
        country_name
    from new_events
),

devices as (
    select * from {{ ref('int_product_devices__5min') }}
),

final as (
    select
        touched.event_date,
        touched.country_name,
        devices.store_key,
        {{ or_none('min(devices.store_id)') }} as store_id,
        coalesce(sum(devices.views), 0)::bigint as views,
        coalesce(sum(devices.human_views), 0)::bigint as human_views,
        count(distinct devices.device_key) filter (where devices.is_visitor and devices.views > 0) as visitors,
        count(distinct devices.device_key) filter (where devices.is_visitor and devices.human_views > 0) as human_visitors
    from touched
    left join devices on touched.event_date = devices.event_date and touched.country_name = devices.country_name
    group by 1, 2, 3
)

select * from final
