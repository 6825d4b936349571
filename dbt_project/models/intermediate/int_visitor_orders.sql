{{ config(
    tags=['cold'],
    incremental_strategy='rebuild_buckets',
    unique_key=['order_key'],
    indexes=[
        {'columns': ['device_key']},
        {'columns': ['visitor_key', 'event_at']},
        {'columns': [reporting_day('event_at')]},
        {'columns': [reporting_day('session_started_at')]},
    ],
    meta={
        'event_day': reporting_day('event_at'),
        'noted': [
            {'kind': 'order', 'key': 'order_key'},
            {'kind': 'visitor', 'key': 'visitor_key'},
            {'kind': 'day', 'day': reporting_day('event_at')},
            {'kind': 'session_day', 'day': reporting_day('session_started_at')},
        ],
    },
) }}

with new_reports as (
    select * from {{ ref('int_product_events') }}
    where order_key is not null and {{ new_loads('product_views') }}
),

noted_devices as (
    {{ noted(ref('int_visitor_sessions'), 'device', key='device_key') }}
),

touched as (
    select order_key from new_reports
    union
    select orders.order_key
    from noted_devices
    inner join {{ this }} as orders on noted_devices.noted_key = orders.device_key
),

counted as (
    select
        orders.order_key,
        orders.event_key,
        orders.event_at,
        case when events.device_id is not null then events.device_key end as device_key,
        events.country_name,
        events.is_bot
    from touched
    inner join {{ ref('int_orders') }} as orders on touched.order_key = orders.order_key
    inner join {{ ref('int_product_events__with_rules') }} as events
        on orders.event_key = events.event_key and orders.event_at = events.event_at
),

final as (
    select
        counted.order_key,
        counted.event_key,
        counted.event_at,
        counted.device_key,
        counted.country_name,
        counted.is_bot,
        own.session_key,
        own.started_at as session_started_at,
        own.visitor_key
    from counted
    left join lateral (
        select sessions.*
        from {{ ref('int_product_sessions') }} as found
        inner join {{ ref('int_visitor_sessions') }} as sessions on found.session_key = sessions.session_key
        where
            counted.device_key = found.device_key
            and found.ended_at >= counted.event_at
            and found.started_at <= counted.event_at
        order by found.ended_at
        limit 1
    ) as own on true
    union all
    -- a bucket without rows
    select
        order_key,
        null as event_key,
        null as event_at,
        null as device_key,
        null as country_name,
        null as is_bot,
        null as session_key,
        null as session_started_at,
        null as visitor_key
    from touched
)

select * from final
