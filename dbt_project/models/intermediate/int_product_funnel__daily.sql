{{ config(
    tags=['cold'],
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
    where is_visitor and furthest_step is not null
),

furthest as (
    select
        touched.event_date,
        touched.country_name,
        devices.device_key,
        max(devices.furthest_step) as furthest_step,
        max(devices.human_furthest_step) as human_furthest_step
    from touched
    left join devices on touched.event_date = devices.event_date and touched.country_name = devices.country_name
    group by 1, 2, 3
),

-- devices by the step that they ended with: a few rows
ended as (
    select
        event_date,
        country_name,
        furthest_step,
        human_furthest_step,
        count(device_key) as devices
    from furthest
    group by 1, 2, 3, 4
),

steps as (
    select distinct step_order from {{ ref('shop_funnel_steps') }}
),

final as (
    select
        ended.event_date,
        ended.country_name,
        -- every step of a funnel that some device is in
        steps.step_order,
        coalesce(sum(ended.devices) filter (where ended.furthest_step >= steps.step_order), 0)::bigint as devices,
        coalesce(sum(ended.devices) filter (where ended.human_furthest_step >= steps.step_order), 0)::bigint as human_devices
    from ended
    left join steps on ended.furthest_step is not null
    group by 1, 2, 3
)

select * from final
