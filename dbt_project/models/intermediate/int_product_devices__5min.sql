{{ config(
    incremental_strategy='rebuild_buckets',
    unique_key=['window_start', 'device_key'],
    indexes=[{'columns': ['event_date', 'country_name']}],
    meta={'event_day': 'event_date'},
) }}

with new_events as (
    select * from {{ ref('int_product_events__with_rules') }}
    where {{ new_loads('product_views') }}
),

touched as (
    select
        {{ five_minutes('event_at') }} as window_start,
        device_key
    from new_events
    union distinct
    select
        counted_before.window_start,
        counted_before.device_key
    from {{ this }} as counted_before
    where counted_before.device_key in ({{ changed_keys('product_views', 'device') }})
),

readable_events as (
    select * from {{ ref('int_product_events__with_rules') }}
    where is_production and {{ readable_loads('product_views') }}
),

funnel_steps as (
    select * from {{ ref('shop_funnel_steps') }}
),

-- a device's window and not a whole one: a few late events would else count their days' traffic again
counted as (
    select
        touched.window_start,
        touched.device_key,
        readable_events.country_name,
        {{ text_key(or_none('readable_events.store_id')) }} as store_key,
        {{ or_none('min(readable_events.store_id)') }} as store_id,
        bool_or(readable_events.device_id is not null) as is_visitor,
        count(*) filter (where readable_events.is_view) as views,
        count(*) filter (where readable_events.is_view and not readable_events.is_bot) as human_views,
        max(funnel_steps.step_order) as furthest_step,
        max(funnel_steps.step_order) filter (where not readable_events.is_bot) as human_furthest_step
    from touched
    inner join readable_events
        on
            touched.device_key = readable_events.device_key
            and touched.window_start <= readable_events.event_at
            and touched.window_start + interval '5 minutes' > readable_events.event_at
    left join funnel_steps on readable_events.event_type = funnel_steps.event_type
    group by 1, 2, 3, 4
    union all
    -- a bucket without rows
    select
        window_start,
        device_key,
        null as country_name,
        null as store_key,
        null as store_id,
        null as is_visitor,
        null as views,
        null as human_views,
        null as furthest_step,
        null as human_furthest_step
    from touched
),

final as (
    select
        window_start,
        {{ reporting_day('window_start') }} as event_date,
        extract(hour from {{ reporting_hour('window_start') }})::integer as event_hour,
        device_key,
        country_name,
        store_key,
        store_id,
        is_visitor,
        views,
        human_views,
        furthest_step,
        human_furthest_step
    from counted
)

select * from final
